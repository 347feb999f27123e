"""The configs that ship with the package: by name, wherever it is installed.

In a wheel they lie inside the package, in a checkout beside it: `configs` is their one source.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ebm.errors import EbmError, nearest

__all__ = ["about", "find_config", "settings_in", "stock_configs"]


def stock_configs() -> dict[str, Path]:
    """The file of each config, by its name.

    Examples
    --------
    >>> stock_configs()["tiny"].name
    'tiny.toml'
    """
    here = Path(__file__).parent
    folder = here / "configs" if (here / "configs").is_dir() else here.parent / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_config(name: str | os.PathLike[str]) -> Path:
    """The file of a path, which wins if it exists, or of the name of a config that ships with the package.

    Raises
    ------
    EbmError
        There is neither; one line with the nearest name.

    Examples
    --------
    >>> find_config("tiny").name
    'tiny.toml'
    >>> find_config("digit")
    Traceback (most recent call last):
    ebm.errors.EbmError: digit: no such file, and no config of that name; did you mean 'digits'?
    """
    path, stock = Path(name), stock_configs()
    if path.is_file() or (path.exists() and str(name) not in stock):
        return path
    if str(name) in stock:
        return stock[str(name)]
    raise EbmError(f"{name}: no such file, and no config of that name; {nearest(path.stem, stock)}")


def settings_in(path: Path) -> list[str]:
    """The settings that a config has or, as `ebm new` writes them, has as defaults behind a mark.

    They are looked for line by line, for the shell to complete: no value is read.

    Examples
    --------
    >>> settings_in(stock_configs()["tiny"])[:3]
    ['data.type', 'data.n', 'machine.type']
    """
    table, found = "", []
    for line in path.read_text("utf-8-sig").splitlines():
        if head := re.match(r"\[([\w.]+)\]", line):
            table = head[1]
        elif key := re.match(r"#?([\w.]+) *=", line):
            found.append(f"{table}.{key[1]}")
    return found


def about(path: Path) -> str:
    """The first paragraph of the comment that a config begins with.

    Examples
    --------
    >>> about(stock_configs()["tiny"]).partition(":")[0]
    'Seconds'
    """
    words = []
    for line in path.read_text("utf-8").splitlines():
        text = re.fullmatch(r"#\s*(\S.*)", line)
        if text is None:
            break
        words.append(text[1])
    return " ".join(words)
