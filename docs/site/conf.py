"""The documentation site: what `make docs` builds out of the Markdown files where they lie.

The source is the whole project, so that a link reads the same here and in the repository. Nothing comes from
another host: no fonts, no scripts. Warnings are errors, a link or anchor that leads nowhere among them.
"""

import re
from importlib import metadata
from pathlib import Path

from sphinx.application import Sphinx

project = "numberline"
author = "the numberline maintainers"
project_copyright = author
release = version = metadata.version("numberline")

root_doc = "docs/index"
include_patterns = [
    "*.md",
    "docs/**.md",
    "deploy/README.md",
    "examples/README.md",
    "numberline/data/README.md",
]
# what the walk need not look into
exclude_patterns = [".*", "build", "**/__pycache__"]

extensions = ["myst_parser"]
myst_heading_anchors = 4  # anchors as GitHub makes them
nitpicky = True
suppress_warnings = ["toc.not_included"]  # such a page is found from the README all the same

html_theme = "furo"
html_title = f"numberline {version}"
html_favicon = "../../gateway/page/icon.svg"
html_extra_path = ["root"]  # index.html, which leads to root_doc
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"footer_icons": list[object]()}


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _unlink_folders)


def _unlink_folders(app: Sphinx, page: str, source: list[str]) -> None:
    """A link to a folder of the project leads somewhere in the repository alone: here it is plain text."""
    here = Path(app.env.doc2path(page)).parent
    source[0] = re.sub(
        r"\[([^\]]*)\]\(([\w./-]+)\)",
        lambda link: link[1] if (here / link[2]).is_dir() else link[0],
        source[0],
    )
