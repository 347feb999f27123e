"""How Sphinx builds the site: `docs/build`; warnings are errors."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

import matplotlib  # noqa: E402

import ebm  # noqa: E402

matplotlib.use("Agg")
# Pages run in processes of their own: they find this checkout and no window, and leave a core to others.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(HERE.parent), os.environ.get("PYTHONPATH"))))
os.environ.setdefault("EBM_NUM_THREADS", "2")

project = "ebm"
author = "The ebm developers"
copyright = author
version = release = ebm.__version__
extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx_gallery.gen_gallery",
              "sources", "references"]  # fmt: skip
exclude_patterns = [
    "_build",
    "jupyter_execute",
    "gallery",
    "notebooks",  # lectures, to be opened in Jupyter
    "generated/gallery/*.ipynb",
    "**/sg_execution_times.rst",
]
default_role = "py:obj"  # `RBM` in a docstring is a link where there is something to link to

html_theme = "furo"
html_title = "ebm"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 4
myst_links_external_new_tab = False
nb_execution_mode = "cache"  # a page whose code is the same is not run again
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "image/png", -10)]  # pictures before words

numpydoc_show_class_members = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "generated/gallery",
    "filename_pattern": r"\.py$",
    "image_scrapers": ("sources.figure_scraper",),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "remove_config_comments": True,
    "min_reported_time": 3600,
    "capture_repr": (),
    "write_computation_times": False,
}
