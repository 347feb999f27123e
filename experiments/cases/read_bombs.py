"""What reading says of the files that zip_bomb.py has written into the current folder."""

import resource
import time
from pathlib import Path

import ebm
from ebm.datasets import File


def attempt(read, path):
    start = time.monotonic()
    try:
        read(str(path))
        said = "READ"
    except (ebm.EbmError, MemoryError) as error:
        said = f"{type(error).__name__}: {error}"
    print(f"{path.name} ({path.stat().st_size >> 10} KB), {time.monotonic() - start:.2f} s: {said[:170]}")


for path in sorted(Path().glob("*.np[yz]")):
    attempt(
        ebm.load
        if path.name.startswith("bomb_model") or path.name == "bomb10.npz"
        else lambda p: File(p).load(),
        path,
    )
print("peak memory", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10, "MB")
