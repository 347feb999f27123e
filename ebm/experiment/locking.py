"""One process in a directory at a time.

The system's lock on a file goes with the process that has it, however it ends: `fcntl.flock`, of Windows
`msvcrt.locking`. File systems that have none (NFS without its lock daemon, some of Lustre and FUSE) get a
file that only one can create, with the number of the process; who finds that process gone takes its place.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import socket
from pathlib import Path
from typing import Any

from ebm.errors import InUse

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None  # type: ignore[assignment]
msvcrt: Any = importlib.import_module("msvcrt") if os.name == "nt" else None

__all__ = ["Lock", "is_lock"]

_NAME, _NUMBER = ".ebm.lock", ".ebm.pid"
_HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)


class Lock:
    """A lock on a directory, by a file in it that is there for as long as the lock is held.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._path, self._number = folder, folder / _NAME, folder / _NUMBER
        self._file: int | None = None  # open as long as the lock is held
        self._named = ""  # what we wrote into the other file

    def take(self) -> None:
        """Keep others out; nothing where they are already.

        Raises
        ------
        InUse
            Another process works here.
        """
        while self._file is None and not self._named:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                locked = self._flock(file)
                if locked and self._is_the_one(file):
                    self._file, file = file, -1
            finally:
                if file >= 0:
                    os.close(file)
            if locked is None:
                self._path.unlink(missing_ok=True)
                self._create_number()

    def _flock(self, file: int) -> bool | None:
        """Take the system's lock: True; None where there is none."""
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            elif msvcrt is not None:
                msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
            else:
                return None
        except OSError as error:
            if error.errno not in _HELD:
                return None
            raise InUse(f"{self._folder}: another ebm is running in this directory") from None
        return True

    def _is_the_one(self, file: int) -> bool:
        """Whether a file is still the one of its name: who held the lock before removed it when done."""
        try:
            return os.path.samestat(os.fstat(file), os.stat(self._path))
        except FileNotFoundError:
            return False

    def _create_number(self) -> None:
        """Create the file of our number, or make way for the next try where it is that of a process gone."""
        mine = f"{socket.gethostname()} {os.getpid()}"
        try:
            file = os.open(self._number, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            self._refuse_if_alive()
            return
        with os.fdopen(file, "w") as stream:
            stream.write(mine)
        self._named = mine

    def _refuse_if_alive(self) -> None:
        try:
            text = self._number.read_text()
        except FileNotFoundError:
            return
        host, _, number = text.partition(" ")
        if host != socket.gethostname() or not number.isdecimal() or _runs(int(number)):
            raise InUse(
                f"{self._folder}: another ebm is running in this directory, process {number or '?'} of"
                f" {host or '?'}; if it is not, remove {self._number}"
            )
        aside = self._number.with_name(f"{_NUMBER}.{os.getpid()}")
        with contextlib.suppress(FileNotFoundError):
            os.rename(self._number, aside)
            if aside.read_text() != text:  # somebody was faster, and it is his
                os.rename(aside, self._number)
            aside.unlink(missing_ok=True)

    def release(self) -> None:
        """Let others in."""
        if self._file is not None:
            removed = self._remove()
            os.close(self._file)
            if not removed:  # Windows keeps what is open; somebody else's by now, it is open again
                self._remove()
        elif self._named:
            self._number.unlink(missing_ok=True)
        self._file, self._named = None, ""

    def _remove(self) -> bool:
        try:
            self._path.unlink(missing_ok=True)
        except PermissionError:
            return False
        return True


def is_lock(path: Path) -> bool:
    """Whether a file is that of a lock."""
    return path.name.startswith((_NAME, _NUMBER))


def _runs(number: int) -> bool:
    """Whether there is a process of that number; Windows, where asking would end it, is taken to have it."""
    if os.name == "nt":
        return True
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
