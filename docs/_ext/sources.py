"""Pages as Markdown that reads well where it lies: blocks of Python are run, links out of `docs` are mended.

A page of the site is plain Markdown. Where the site promises that its code runs, blocks of Python become
cells of a notebook while Sphinx reads them; tests/test_site.py runs the same blocks. Pages that lie elsewhere
in the repository (READMEs of experiments, CONTRIBUTING.md) are copied to ``generated``.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
GENERATED = DOCS / "generated"

EXECUTED = ["getting-started", "tutorials/*", "how-to/*", "alignments", "tables"]
_HEAD = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n  display_name: Python 3\n---\n"
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_LISTED = re.compile(r"<!-- pages: ([^>]*) -->")
_IMAGES = {".png", ".svg", ".gif"}


def adopted() -> dict[Path, str]:
    """Pages that lie outside of `docs`, and the names that they have on the site."""
    readmes = sorted((ROOT / "experiments").glob("*/README.md"))
    pages = {path: f"generated/measured/{path.parent.name}" for path in readmes}
    return pages | {
        ROOT / f"{name}.md": f"generated/{name.lower()}" for name in ("CONTRIBUTING", "CHANGELOG")
    }


def linked(text: str, origin: Path, docname: str) -> str:
    """The text of a page with links that hold where the site has it; links to sources become plain text."""
    pages = adopted()
    here = (DOCS / docname).parent

    def mend(match: re.Match[str]) -> str:
        mark, label, target = match.groups()
        place, hash_, anchor = target.partition("#")
        if not place or re.match(r"\w+:", place):
            return match[0]
        file = (origin.parent / place).resolve()
        if file in pages:
            file = DOCS / f"{pages[file]}.md"
        elif file.suffix in _IMAGES and file.is_file() and not file.is_relative_to(DOCS):
            copy = GENERATED / "images" / f"{file.parent.name}-{file.name}"
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
            file = copy
        elif not (file.is_relative_to(DOCS) and file.is_file()):
            return label
        return f"{mark}[{label}]({os.path.relpath(file, here)}{hash_}{anchor})"

    return _LINK.sub(mend, text)


def toctree(docname: str, patterns: list[str]) -> str:
    """The pages that match, in the folder of this one; Sphinx's own warns where there is none yet."""
    folder = (DOCS / docname).parent
    found = [path for pattern in patterns for path in sorted(folder.glob(pattern)) if path.stem != "index"]
    names = [os.path.relpath(path.with_suffix(""), folder) for path in found]
    return "\n".join(["```{toctree}", ":maxdepth: 1", "", *names, "```"])


def write(docname: str, text: str) -> None:
    """Write a generated page where it is new: Sphinx reads again what has changed."""
    path = DOCS / f"{docname}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_text("utf-8") != text:
        path.write_text(text, "utf-8")


def adopt(app: Any) -> None:
    """Copy pages from elsewhere in the repository."""
    for path, docname in adopted().items():
        write(docname, linked(path.read_text("utf-8"), path, docname))
    listed = [Path(name).name for path, name in adopted().items() if "measured" in name]
    first = (
        "# Experiments\n\nOne folder of `experiments` per question: the question, the command, the numbers."
    )
    text = [first, "", "```{toctree}", ":maxdepth: 1", "", *listed, "```", ""]
    write("generated/measured/index", "\n".join(text))


def read(app: Any, docname: str, source: list[str]) -> None:
    """Make what Sphinx reads of what the page says."""
    if not (DOCS / f"{docname}.md").is_file():
        return
    if not docname.startswith("generated/"):
        source[0] = linked(source[0], DOCS / f"{docname}.md", docname)
    source[0] = _LISTED.sub(lambda match: toctree(docname, match[1].split()), source[0])
    if any(fnmatch.fnmatch(docname, pattern) for pattern in EXECUTED):
        cells = re.sub(r"^```python$", "```{code-cell} python", source[0], flags=re.M)
        source[0] = _HEAD + cells


def figure_scraper(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Pictures of the gallery: what an example calls `figure`."""
    from sphinx_gallery.scrapers import figure_rst

    figure = block_vars["example_globals"].pop("figure", None)
    if figure is None:
        return ""
    path = next(block_vars["image_path_iterator"])
    figure.savefig(path, dpi=110)
    return figure_rst([path], gallery_conf["src_dir"])


def setup(app: Any) -> dict[str, Any]:
    """What Sphinx calls."""
    app.connect("builder-inited", adopt, priority=400)
    app.connect("source-read", read)
    return {"version": "1", "parallel_read_safe": False}
