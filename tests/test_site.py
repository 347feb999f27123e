"""The pages of the site: every block of Python runs, and no page of the site is forgotten.

The long ones are slow tests: `python -m pytest -m slow -n 1 tests/test_site.py`. `docs/build` runs them too.
"""

import ast
import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from ebm import plots

DOCS = Path(__file__).parents[1] / "docs"
SHORT = sorted((DOCS / "how-to").glob("*.md"))
LONG = [DOCS / "getting-started.md", *sorted((DOCS / "tutorials").glob("*.md"))]
PICTURES = sorted((DOCS / "gallery").glob("*.py"))


def blocks(page):
    return re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.S | re.M)


def run(page):
    names = {}
    for block in blocks(page):
        exec(compile(block, str(page), "exec"), names)


@pytest.mark.slow
@pytest.mark.parametrize("page", [*SHORT, *LONG], ids=lambda page: page.stem)
def test_the_page_runs(page, tmp_path, monkeypatch):
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    run(page)


@pytest.mark.slow
@pytest.mark.parametrize("file", PICTURES, ids=lambda file: file.stem)
def test_the_picture_is_drawn(file):
    matplotlib.use("Agg")
    names = {}
    exec(compile(file.read_text("utf-8"), str(file), "exec"), names)
    assert names["figure"].axes


def test_pages_are_python_and_have_a_place():
    listed = (DOCS / "tutorials" / "index.md").read_text("utf-8")
    for page in [*SHORT, *LONG]:
        for block in blocks(page):
            ast.parse(block)
        place = page.parent.name
        assert place != "tutorials" or page.stem == "index" or f"\n{page.stem}\n" in listed, page


def test_links_between_pages_lead_somewhere():
    for page in DOCS.rglob("*.md"):
        if {"_build", "generated", "jupyter_execute"} & set(page.relative_to(DOCS).parts):
            continue
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            made = "generated/" in target or re.match(r"\w+:", target)
            assert made or (page.parent / target).exists(), (page, target)


def test_a_notebook_shows_the_figure_of_axes():
    ax = plots.weights(np.eye(4), (2, 2))
    assert ax.figure._repr_png_().startswith(b"\x89PNG")
    assert plots.moments(np.ones(2), np.ones(2), np.ones(1), np.ones(1))[0].figure._repr_png_()
