"""The line that says that kernels are compiled: for people, once, and only where something is compiled."""

import os
import subprocess
import sys

import pytest

from ebm.kernels.compiling import LINE

pty = pytest.importorskip("pty", reason="a terminal to write to")

_SCRIPT = """
import numba
from ebm.kernels import JIT
def kernel(x):
    return x + 1
kernel.__module__ = "ebm.kernels.first"
one = numba.njit(**JIT | {"cache": False})(kernel)
print(one(1), one(1.0))
"""


def _on(stderr, script):
    done = subprocess.run([sys.executable, "-c", script], stderr=stderr, stdout=subprocess.PIPE, timeout=120)
    assert done.returncode == 0
    return done.stdout.decode()


@pytest.mark.parametrize("module", ["ebm.kernels.first", "mine"])
def test_a_terminal_is_told_once_and_of_our_own_kernels(module):
    ours, theirs = pty.openpty()
    try:
        out = _on(theirs, _SCRIPT.replace("ebm.kernels.first", module))
        os.set_blocking(ours, False)
        try:
            told = os.read(ours, 10_000).decode()
        except BlockingIOError:
            told = ""
    finally:
        os.close(ours)
        os.close(theirs)
    assert out.split() == ["2", "2.0"]
    assert told.count(LINE) == (module != "mine")


def test_a_pipe_is_not_told():
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, timeout=120)
    assert done.returncode == 0
    assert LINE not in done.stderr.decode()
