"""Sphinx settings of the book: pages and committed notebooks, rendered without running a notebook and offline."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pages
import reference
import rendering

import climgru_lib

project = "climgru"
author = copyright = "The climgru developers"
version = release = climgru_lib.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["**/.ipynb_checkpoints"]
nb_execution_mode = "off"
nb_ipywidgets_js = {}  # widgets show their text or picture: no script from elsewhere
nb_number_source_lines = False
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
myst_update_mathjax = False
suppress_warnings = ["mystnb.unknown_mime_type"]
default_role = "code"  # single backticks in docstrings
autodoc_typehints = "none"  # the signature has them, the text has shapes and units
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
html_math_renderer = "mathml"

html_theme = "sphinx_book_theme"
html_title = "climgru"
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_copy_source = html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "use_download_button": False,
    "navbar_persistent": [],  # one search field, in the sidebar
}
if repository := reference.repository():
    html_theme_options |= {
        "repository_url": f"https://github.com/{repository}",
        "repository_branch": "main",
        "use_repository_button": True,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
            "notebook_interface": "jupyterlab",
        },
    }


def setup(app):
    """Add what Sphinx lacks: generated pages, formulas as MathML, and the check that nothing is fetched."""
    app.add_html_math_renderer("mathml", (rendering.inline_math, None), (rendering.block_math, None))
    app.connect("source-read", pages.render)
    app.connect("build-finished", rendering.check_offline)
