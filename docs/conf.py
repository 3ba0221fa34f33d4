"""How Sphinx builds these pages: `make docs`."""

from __future__ import annotations

from repurchase.domain.version import __version__

project = "repurchase"
author = "the repurchase maintainers"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["recipes/*"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# Docstrings write code in single backticks.
default_role = "code"

html_theme = "furo"
html_title = f"repurchase {__version__}"
html_copy_source = False
