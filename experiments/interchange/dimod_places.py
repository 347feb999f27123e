"""What dimod's reader of its binary file does with places that lead nowhere.

``python -m experiments.interchange.dimod_places`` reads each damaged file in a process of its own; ours
refuses all of them in one line (tests/test_pairwise_files.py).
"""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

FIXTURE = Path(__file__).parents[2] / "tests" / "fixtures" / "interchange" / "dimod.bits.bqm"
READ = "import sys, dimod; print(dimod.BQM.from_file(sys.stdin.buffer.read()).num_interactions)"


def damaged(place: int, value: int) -> bytes:
    """The file with another number as the neighbour in a coupling."""
    data = bytearray(FIXTURE.read_bytes())
    start = 14 + struct.unpack("<I", data[10:14])[0] + 8 + 5 * 12 + 12 * place
    data[start : start + 4] = struct.pack("<i", value)
    return bytes(data)


def main() -> None:
    for place, value in ((0, 2), (0, 99), (5, -7)):
        done = subprocess.run([sys.executable, "-c", READ], input=damaged(place, value), capture_output=True)
        print(
            f"neighbour {value:3d}: exit {done.returncode}, couplings {done.stdout.decode().strip() or '-'}"
        )


if __name__ == "__main__":
    main()
