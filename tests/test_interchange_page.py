"""The code of docs/interchange.md and of docs/coming-from runs as written."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "docs" / "interchange.md", *(ROOT / "docs" / "coming-from").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_the_page_runs(page, tmp_path, monkeypatch, capsys):
    """Blocks of ```python; those of the other program are ```text. Needs are said in the first line."""
    for name in re.findall(r"<!-- needs: (.*?) -->", page.read_text()):
        for package in name.split():
            pytest.importorskip(package)
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.S):
        exec(compile(block, str(page), "exec"), names)
    capsys.readouterr()
