"""Sphinx configuration: ``pip install '.[docs]' && sphinx-build -W docs docs/_build/html``."""

from __future__ import annotations

import sys
from pathlib import Path

import spikelet

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "spikelet"
author = "the spikelet authors"
copyright = author  # noqa: A001  # Sphinx's name
version = release = spikelet.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "measured",
    "references",
]
exclude_patterns = ["_build"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = f"spikelet {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_js_files = ["versions.js"]
html_search_scorer = str(
    Path(__file__).parent / "_static" / "scorer.js"
)  # relative to the current folder otherwise
html_sidebars = {
    "**": [
        "sidebar/scroll-start.html",
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/versions.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc's sections name the types
autosummary_generate = True
autosummary_filename_map = {  # names that differ in case only, for file systems that do not tell them apart
    name: f"{name}-function"
    for name in (
        "spikelet.models.microcircuit",
        "spikelet.models.microcircuit.parameters",
        "spikelet.torch.lif",
    )
}
numpydoc_show_class_members = False

nitpicky = True
nitpick_ignore_regex = [
    # Other packages: there is no intersphinx, so that the documentation builds without a network.
    (
        "py:.*",
        r"(torch|nn|neo|nir|xarray|pandas|numpy|np|scipy|h5py|onnx|matplotlib|quantities)(\..*)?",
    ),
    ("py:.*", "SpikeTrain|AnalogSignal|broadcast_to|interpolate|repr|attrs|SPIKELET_SIMD"),
    # Symbols of equations, and entries of dictionaries and tables that the text describes.
    ("py:.*", "[A-Za-z]|last|notes|V_m"),
    # Extras of pyproject.toml.
    ("py:.*", "aedat|hdf5"),
    # Attributes that a constructor sets, which the class does not show.
    ("py:.*", "sent|weight|bias|readout|scale|recurrent|parameter"),
]
