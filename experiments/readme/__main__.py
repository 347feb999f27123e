"""Run the README's blocks of Python and put the pictures that they make into docs/images.

    python -m experiments.readme

The samples of digits are those of the README's first command: runs/digits/samples.png.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"


def main() -> None:
    """Run the blocks one after the other, as a reader would."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)
    names: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for block in blocks:
            exec(compile(block, "README.md", "exec"), names)
        for picture in Path(folder).glob("*.png"):
            shutil.copyfile(picture, IMAGES / picture.name)
        os.chdir(ROOT)


if __name__ == "__main__":
    main()
