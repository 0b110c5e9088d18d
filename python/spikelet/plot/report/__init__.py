"""Reports: one HTML file each, with figures to zoom and hover over, that loads nothing and can be sent to others.

Objects write them: ``net.report("run.html")``, ``snn.report(x, y).save("report.html")``, ``sweep(...).report("sweep.html")``,
``fit(...).report("training.html")``. Needs ``pip install 'spikelet[report]'``.
"""
