"""Bits and vectors: products, packing, functions; no reads beyond an array; the same code from the cache."""

import os
import subprocess
import sys

import numpy as np
import pytest
from numba import njit

from ebm.kernels import JIT
from ebm.kernels.layers import bits, packing
from ebm.kernels.numbers.functions import exp, log
from ebm.kernels.numbers.memory import address, load, store

each_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


@pytest.mark.parametrize("shape", [(3, 5, 2), (70, 130, 100), (600, 64, 64), (1, 33, 65)], ids=str)
@pytest.mark.parametrize("low", [0, -1])
@each_dtype
def test_products_of_bits(shape, low, dtype):
    """Table sums are the product; packing, transposing and weighted sums are what they say."""
    n, k, m = shape
    rng, one = np.random.default_rng(1), np.dtype(dtype).type
    x = np.where(rng.random((n, k)) < 0.4, 1, low).astype(dtype)
    A, words = rng.normal(size=(k, m)).astype(dtype), np.empty((n, -(-k // 64)), np.uint64)
    assert packing.pack(x, one(low), words)
    out, again = np.empty((n, m), dtype), np.empty_like(x)
    bits.product(False, words, k, A, False, one(low), one(0), one(1), out)
    exact = x.astype(float) @ A.astype(float)
    np.testing.assert_allclose(out, exact, atol=k * np.finfo(dtype).eps * 4)
    bits.product(False, words, k, np.ascontiguousarray(A.T), True, one(low), one(2), one(-3), out)
    np.testing.assert_allclose(out, -exact, atol=k * np.finfo(dtype).eps * 20)
    packing.unpack(words, one(low), again)
    assert np.array_equal(again, x)
    turned = np.empty((64 * words.shape[1], -(-n // 64)), np.uint64)
    packing.transpose_bits(words, turned)
    columns = np.empty((k, n), dtype)
    packing.unpack(turned[:k], one(low), columns)
    assert np.array_equal(columns, x.T)
    w, total = rng.normal(size=n), np.empty(64 * words.shape[1])
    bits.weighted_sum(words, one(low), w, total)
    np.testing.assert_allclose(total[:k], w @ x, atol=1e-12)
    a, dots = np.zeros(64 * words.shape[1]), np.empty(n)
    a[:k] = rng.normal(size=k)
    bits.dot_vector(words, one(low), a, dots)
    np.testing.assert_allclose(dots, x @ a[:k], atol=1e-12)


GUARDED = """
import ctypes, mmap
import numpy as np
from ebm.kernels.layers.bits import product

page = mmap.PAGESIZE
memory = mmap.mmap(-1, 5 * page)
at = ctypes.addressof(ctypes.c_char.from_buffer(memory))
assert ctypes.CDLL(None, use_errno=True).mprotect(ctypes.c_void_p(at + 4 * page), page, 0) == 0
for k, m in [(33, 1), (33, 15), (70, 2), (40, 17), (64, 40)]:
    for turned in (False, True):
        A = np.frombuffer(memory, np.float32, k * m, 4 * page - 4 * k * m)
        A = A.reshape((m, k) if turned else (k, m))
        words, out = np.full((3, 2), ~np.uint64(0)), np.empty((3, m), np.float32)
        product(False, words, k, A, turned, np.float32(0), np.float32(0), np.float32(1), out)
        assert (out == 0).all()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="protects a page of memory as Linux does")
def test_products_read_nothing_beyond_their_matrix():
    """The page after the matrix may not be read: a process that does so dies."""
    found = subprocess.run([sys.executable, "-c", GUARDED], capture_output=True, text=True, check=False)
    assert found.returncode == 0, (found.returncode, found.stderr)


COMPARED = """
import numpy as np
from ebm.kernels.layers.bits import product
from ebm.kernels.layers.packing import pack

rng = np.random.default_rng(0)
for dtype in (np.float64, np.float32):
    zero, one = dtype(0), dtype(1)
    for k, m in [(3, 1), (36, 8), (40, 17), (33, 40), (64, 70)]:
        x, A = (rng.random((6, k)) < 0.5).astype(dtype), rng.normal(size=(k, m)).astype(dtype)
        words, out = np.empty((6, -(-k // 64)), np.uint64), np.empty((6, m), dtype)
        pack(x, zero, words)
        product(False, words, k, A, False, zero, zero, one, out)
        assert np.abs(out - x @ A).max() < 1e-4, (dtype, k, m)
"""


@pytest.mark.slow  # two processes, each with a compiler
def test_code_from_the_disk_cache_is_the_code_that_was_compiled(tmp_path):
    """The first process compiles, the second loads; see the note in `ebm.kernels.numbers.memory`."""
    for _ in range(2):
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
        command = [sys.executable, "-c", COMPARED]
        found = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr


@each_dtype
def test_packing_tells_of_other_values(dtype):
    x = np.zeros((2, 70), dtype)
    words = np.empty((2, 2), np.uint64)
    for value in (0.5, np.nan, 2, -1):
        for place in ((0, 3), (1, 69)):
            x[:] = 0
            x[place] = value
            assert not packing.pack(x, np.dtype(dtype).type(0), words)


@njit(**JIT)
def _map(x, out, which):
    for j in range(0, x.nbytes, 64):
        v = load(address(x) + j, x[0])
        store(address(out) + j, exp(v) if which == 0 else log(v))


@pytest.mark.parametrize(("which", "f"), [(0, np.exp), (1, np.log)], ids=["exp", "log"])
@each_dtype
def test_vector_functions(which, f, dtype):
    """To two units in the last place of their size, over the whole range."""
    tiny, top = (np.finfo(dtype).tiny, 80.0) if dtype == np.float32 else (np.finfo(dtype).tiny, 700.0)
    x = np.linspace(-top, top, 2**16) if which == 0 else np.exp(np.linspace(np.log(tiny) + 1, top, 2**16))
    x = x.astype(dtype)
    out = np.empty_like(x)
    _map(x, out, which)
    exact = f(x.astype(np.longdouble))
    size = np.abs(exact) if which == 0 else np.maximum(np.abs(exact), 0.25)  # log x near x = 1: absolute
    assert np.all(np.abs(out - exact) <= 4 * np.finfo(dtype).eps * size)
