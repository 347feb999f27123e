"""The command ``ebm``, which ``python -m ebm`` is too.

It says first if another distribution has put files into the package: whichever was installed last is the one
that is imported then, and removing either breaks the other.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["main", "other_owners"]

_OURS = "boltzmann_machines-"


def main() -> None:
    """Answer the command line."""
    others = other_owners(Path(__file__).resolve().parents[1])
    if others and "_EBM_COMPLETE" not in os.environ:
        names = " ".join(others)
        print(
            f"ebm: warning: {names} owns the import name ebm too: pip uninstall {names}, then pip"
            " install --force-reinstall boltzmann-machines",
            file=sys.stderr,
        )
    from ebm.cli import main as command

    command(prog_name="ebm")


def other_owners(folder: Path) -> list[str]:
    """Distributions installed into a folder that have a package ebm, but ours: by their lists of files."""
    owners = [
        record.parent.name.partition("-")[0]
        for record in folder.glob("*.dist-info/RECORD")
        if not record.parent.name.startswith(_OURS) and b"\nebm/__init__.py," in b"\n" + record.read_bytes()
    ]
    return sorted(owners)


if __name__ == "__main__":
    main()
