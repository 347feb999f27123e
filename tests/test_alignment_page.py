"""The code of docs/alignments.md runs as written, and finds what it says."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "alignments.md"


def test_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S):
        exec(compile(block, str(PAGE), "exec"), names)
    assert "share of true pairs among the best 6: 1.00" in capsys.readouterr().out
    assert sorted(map(tuple, names["best"])) == names["made"].pairs()
    for name in ("contacts.png", "ppv.png", "mutations.png"):
        assert (tmp_path / name).stat().st_size > 1000
    assert (tmp_path / "new.fasta").read_text().startswith(">0 energy=")
