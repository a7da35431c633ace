"""Settings of the documentation: ``make docs``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # generated_pages lies beside this file

from cryopick import __version__

project = "cryopick"
author = "The cryopick developers"
copyright = author
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "generated_pages",
]
exclude_patterns = ["_build", "reference/_notes"]

# Lists of dialects are definition lists; headings are linked to by their words.
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
# Kept as it is called; its definition fills three lines.
autodoc_type_aliases = {"ArrayLike": "ArrayLike"}
python_use_unqualified_type_names = True
napoleon_google_docstring = False
# A frozen dataclass describes its fields in its docstring; as ":ivar:" they are listed once.
napoleon_use_ivar = True
napoleon_use_rtype = False
# Types stand in the signature; ``numpy.str_`` among the fields would read as a link.
napoleon_attr_annotations = False
# Names of fields are looked up as links, and several classes have a field of the same name.
suppress_warnings = ["ref.python"]

html_theme = "furo"
html_title = f"cryopick {version}"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_show_sphinx = False
