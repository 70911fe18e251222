"""Sphinx settings. Pages of environments, wrappers and papers are generated from tables, docstrings and TOML at each build."""

import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_scripts"))

import generate

from papergym.version import __version__

logging.getLogger("absl").setLevel(logging.WARNING)  # dm_control logs every football pitch

project = "papergym"
author = "The papergym developers"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "formulas", "offline"]  # the last two are in _scripts
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
myst_update_mathjax = False
suppress_warnings = ["myst.header"]  # a docstring keeps its own heading levels inside a page
html_theme = "furo"
html_title = "papergym"
html_static_path = ["_static"]
html_css_files = ["papergym.css"]
html_show_copyright = False
exclude_patterns = ["_build", "_scripts"]


def setup(app):
    app.connect("builder-inited", lambda _: generate.main(Path(__file__).parent))
