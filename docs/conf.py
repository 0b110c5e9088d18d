"""Sphinx configuration: ``pip install '.[docs]' && sphinx-build -W docs docs/_build/html``."""

from __future__ import annotations

import spikelet

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
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"spikelet {release}"

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

default_role = "py:obj"
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc's sections name the types
autosummary_generate = False
numpydoc_show_class_members = False
