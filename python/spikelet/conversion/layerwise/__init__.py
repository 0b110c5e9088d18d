"""The pass over the layers of an ANN: at each site a method decides, on the activity of the layers before it.

* `calibration`: the ANN and its inputs; `activity`: the values that they give, in the ANN and in the spiking network
* `stages`, `pools`: where the sites are, and which values are stored until when
* `site`: what a method can measure; `method`: what it returns
* `streaming`: the pass
"""
