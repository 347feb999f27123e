"""numba's disk cache, kept true to the sources.

numba compiles a kernel again when the file that defines it has changed, but not when a file has whose
functions it calls: code older than its source would go on running. So the directory of cached kernels carries
a digest of all sources of this package, and cached code goes when the digest no longer agrees.
"""

import contextlib
import hashlib
import os
from pathlib import Path

NAME = "sources.sha256"


def drop_stale(directory):
    """Remove the index of every kernel cached in a directory, unless the sources are what they were.

    A directory that cannot be written is left as it is: numba does not write there either.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    stamp, expected = Path(directory) / NAME, digest.hexdigest()
    with contextlib.suppress(OSError):
        if stamp.exists() and stamp.read_text() == expected:
            return
        stamp.parent.mkdir(parents=True, exist_ok=True)
        for index in stamp.parent.glob("*.nbi"):
            index.unlink(missing_ok=True)
        temporary = stamp.with_name(f"{NAME}.{os.getpid()}")
        temporary.write_text(expected)
        temporary.replace(stamp)
