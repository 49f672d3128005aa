"""The documentation site: `make docs` builds it from the pages of this folder."""

import importlib.metadata
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
REPOSITORY = "https://github.com/tsdisentangle/tsdisentangle/blob/main/"

project = "tsdisentangle"
author = "The tsdisentangle developers"
release = importlib.metadata.version("tsdisentangle")
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
templates_path = ["_templates"]
html_theme = "furo"
html_title = "tsdisentangle"
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["site.css"]

myst_heading_anchors = 4
numpydoc_show_class_members = False  # the template of a class has them
autodoc_typehints = "none"  # the docstrings say them, in words
autodoc_member_order = "bysource"


def as_page_of_the_site(app, docname, source):
    """Links of the pages lead to places of the repository; on the site these are elsewhere."""
    text = re.sub(
        r"```\{include\} \.\./(\w+\.md)\n```",
        lambda found: (ROOT / found[1]).read_text().replace("](docs/", "]("),
        source[0],
    )
    text = re.sub(
        r"\]\((?:\.\./)?(CONTRIBUTING|SECURITY|CHANGELOG)\.md",
        lambda found: f"]({found[1].lower()}.md",
        text,
    )
    source[0] = text.replace("](../tsdisentangle/", f"]({REPOSITORY}tsdisentangle/")


def skip_what_others_wrote(app, what, name, member, skip, options):
    """Leave out inherited members: scikit-learn, sktime and tuple explain their own."""
    function = getattr(member, "fget", member)
    return skip or not (getattr(function, "__module__", None) or "").startswith("tsdisentangle")


def setup(app):
    """Read every page as one of the site, and every class as one of the package."""
    app.connect("autodoc-skip-member", skip_what_others_wrote)
    app.connect("source-read", as_page_of_the_site)
