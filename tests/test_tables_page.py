"""The code of docs/tables.md runs as written, and finds what it says."""

import re
from pathlib import Path

import numpy as np

PAGE = Path(__file__).parents[1] / "docs" / "tables.md"


def test_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S):
        exec(compile(block, str(PAGE), "exec"), names)
    said = capsys.readouterr().out
    assert "gaps in 5 rows of 6 units" in said
    assert "\nvisits\n" in said  # the cell that is to blame
    gaps = np.isnan(names["rows"][:5])
    right = (names["found"].mode == names["whole"][:5])[gaps]
    assert right.mean() > 0.6
    assert abs(float(names["model"].given(smokes="yes").probability("cough", "often")) - 0.7) < 0.1
    assert (tmp_path / "people.npz").exists()
