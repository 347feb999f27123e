"""Files: sizes are checked before reading, writes name what fails, one process in a directory at a time."""

import errno
import fcntl
import gzip
import io
import json
import multiprocessing
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import ebm
from ebm import files
from ebm.datasets import read_array
from ebm.datasets.mnist import read_idx
from ebm.experiment import locking
from ebm.experiment.directory import FIGURES, RunDirectory
from ebm.plots.reading import read_metrics

ROOT = Path(__file__).parent.parent
TABLES = {"machine": {"type": "SK", "n": 3, "seed": 0}}


def header_of(shape, dtype="<f8"):
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"descr": dtype, "fortran_order": False, "shape": shape})
    return out.getvalue()


def archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for name, data in members.items():
            out.writestr(f"{name}.npy", data)
    return path


def as_npy(array):
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


MODEL = json.dumps(
    {
        "format": 1, "arrays": ["params.W"],
        "machine": {"type": "RBM", "visible": {"type": "Bernoulli"}, "hidden": {"type": "Bernoulli"}},
    }
).encode()  # fmt: skip


# What files claim


@pytest.mark.parametrize("shape", [(2**40, 4), (2**33, 2**33), (2**31, 1), (9, 1)])
def test_an_array_that_is_not_there_is_not_waited_for(shape, tmp_path):
    data = header_of(shape) + b"\0" * 64
    (tmp_path / "x.npy").write_bytes(data)
    archive(tmp_path / "x.npz", X=data)
    archive(tmp_path / "m.npz", header=as_npy(np.frombuffer(MODEL, np.uint8)), W=data)
    for read in (
        lambda: read_array(tmp_path / "x.npy"),
        lambda: read_array(tmp_path / "x.npz"),
        lambda: ebm.load(tmp_path / "m.npz"),
    ):
        with pytest.raises(ebm.EbmError, match="64 bytes for float64 of shape"):
            read()


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_SMALL", 2**20)
    zeros = as_npy(np.zeros((2**20, 4), np.float32))  # 16 MiB that shrink a thousandfold
    archive(tmp_path / "m.npz", header=as_npy(np.frombuffer(MODEL, np.uint8)), W=zeros)
    with pytest.raises(ebm.EbmError, match=r"W: .* bytes that expand to 16777344; expected at most 500"):
        ebm.load(tmp_path / "m.npz")
    with pytest.raises(ebm.EbmError, match="expand"):
        read_array(archive(tmp_path / "x.npz", X=zeros))
    with pytest.raises(ebm.EbmError, match="expand"):
        read_array(archive(tmp_path / "only.npz", rows=zeros))
    assert read_array(archive(tmp_path / "other.npz", X=as_npy(np.eye(4)), unused=zeros)).shape == (4, 4)


def test_what_does_not_fit_into_memory_is_refused_first(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_SMALL", 100)
    monkeypatch.setattr(files, "free_memory", lambda: 1000)
    np.savez(tmp_path / "x.npz", X=np.random.default_rng(0).random((20, 20)))
    with pytest.raises(ebm.EbmError, match=r"GiB of memory, .* are free; expected a smaller file"):
        read_array(tmp_path / "x.npz")


def test_free_memory_is_known():
    assert 2**20 < files.free_memory() <= 2**62


def test_an_endless_gz_is_read_as_far_as_its_header_says(tmp_path):
    path = tmp_path / "train.gz"
    with gzip.open(path, "wb", compresslevel=9) as out:
        out.write(b"\0\0\x08\x03" + (2).to_bytes(4, "big") * 3 + bytes(2**24))
    with pytest.raises(ebm.EbmError, match="25 bytes or more; expected 24"):
        read_idx(path)
    path.write_bytes(b"\0\0\x08\x01" + (2**31).to_bytes(4, "big") + bytes(5))
    with pytest.raises(ebm.EbmError, match="13 bytes; expected 2147483656, as its header says"):
        read_idx(path)


def test_deep_json_is_refused(tmp_path):
    deep = b'{"machine":' + b"[" * 100_000
    archive(tmp_path / "m.npz", header=as_npy(np.frombuffer(deep, np.uint8)))
    with pytest.raises(ebm.EbmError, match="no ebm header"):
        ebm.load(tmp_path / "m.npz")
    (tmp_path / "metrics.jsonl").write_bytes(deep + b"\n{}\n")
    with pytest.raises(ebm.EbmError, match="line 1"):
        read_metrics(tmp_path)


def test_what_is_no_regular_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "m.npz")  # would be waited for for ever
    with pytest.raises(ebm.EbmError, match="no regular file"):
        ebm.load(tmp_path / "m.npz")


# Writing


@pytest.mark.parametrize("length", [250, 255])
def test_names_as_long_as_they_can_be(length, tmp_path):
    path = tmp_path / ("x" * (length - 4) + ".npz")
    ebm.save(path, ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 2, 2, dtype="float64"))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["", "x" * 300, "a\0b", "\udc80\ud800", "~nobody-of-that-name/m.npz"])
def test_names_that_no_file_can_have(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for call in (
        lambda: ebm.save(name, ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 2, 2, dtype="float64")),
        lambda: ebm.load(name),
        lambda: ebm.datasets.read_array(name),
        lambda: ebm.datasets.read_gset(name),
        lambda: ebm.datasets.read_idx(name),
    ):
        with pytest.raises(ebm.EbmError) as caught:
            call()
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 400
    assert not list(tmp_path.iterdir())


def test_a_full_disk_names_the_file(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    run = RunDirectory(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    for name, write in {
        "m.npz": lambda: ebm.save(
            tmp_path / "m.npz", ebm.RBM.random(ebm.Ising(), ebm.Ising(), 2, 2, dtype="float64")
        ),
        "metrics.jsonl": lambda: run.append_metrics({"step": 1}),
    }.items():
        with pytest.raises(OSError, match="No space left") as caught:
            write()
        assert caught.value.filename == str(tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["metrics.jsonl"]


# Directories


def made(path, seed=0):
    run = RunDirectory(path)
    run.create(TABLES, seed)
    run.unlock()
    return run


def test_overwriting_leaves_what_no_run_writes(tmp_path):
    run = made(tmp_path / "run")
    theirs = ["notes.txt", "layers/best.npz", "figures/mine.png", "checkpoints/step-last.npz", ".hidden.tmp"]
    ours = ["model.npz", "layers/0.npz", "figures/kl.png", "checkpoints/step-000000000001.npz", ".ebm-x.tmp"]
    for name in theirs + ours:
        path = run.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    again = RunDirectory(run.path)
    again.create(TABLES, 0, overwrite=True)
    again.unlock()
    left = {str(p.relative_to(run.path)) for p in run.path.rglob("*") if p.is_file()}
    assert left == {*theirs, "config.toml", "environment.json"}


def test_overwriting_follows_no_links(tmp_path):
    run, elsewhere = made(tmp_path / "run"), tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "step-000000000001.npz").write_text("x")
    (run.path / "checkpoints").symlink_to(elsewhere)
    (run.path / "model.npz").symlink_to(elsewhere / "step-000000000001.npz")
    with pytest.raises(ebm.EbmError, match=r"checkpoints: a link, which --overwrite does not follow"):
        RunDirectory(run.path).create(TABLES, 0, overwrite=True)
    (run.path / "checkpoints").unlink()
    again = RunDirectory(run.path)
    again.create(TABLES, 0, overwrite=True)
    again.unlock()
    assert (elsewhere / "step-000000000001.npz").read_text() == "x"
    assert not (run.path / "model.npz").exists()


def test_the_figures_of_a_run_are_known():
    source = Path(ebm.__file__).parent / "plots" / "run.py"
    assert set(re.findall(r'yield \(?\s*"(\w+)",', source.read_text())) == set(FIGURES)


def hold(path, overwrite, barrier, found):
    run = RunDirectory(path)
    barrier.wait()
    try:
        run.create(TABLES, 0, overwrite=overwrite)
        found.put(1)
    except ebm.EbmError:
        found.put(0)
    barrier.wait()


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("kind", ["system", "none"])
def test_of_two_that_come_at_once_one_has_the_directory(overwrite, kind, tmp_path, monkeypatch):
    if kind == "none":
        monkeypatch.setattr(locking, "fcntl", None)
    context = multiprocessing.get_context("fork")
    for k in range(15):
        path = tmp_path / str(k)
        if overwrite:
            made(path)
        barrier, found = context.Barrier(2), context.Queue()
        two = [context.Process(target=hold, args=(path, overwrite, barrier, found)) for _ in range(2)]
        for process in two:
            process.start()
        assert found.get(timeout=60) + found.get(timeout=60) == 1
        for process in two:
            process.join(60)


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks(error, tmp_path, monkeypatch):
    def flock(*args):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(fcntl, "flock", flock)
    run = RunDirectory(tmp_path / "run")
    run.create(TABLES, 0)
    with pytest.raises(ebm.EbmError, match=f"another ebm is running .*, process {os.getpid()}"):
        RunDirectory(run.path).lock()
    run.unlock()
    RunDirectory(run.path).lock()
    number = run.path / ".ebm.pid"
    host = number.read_text().partition(" ")[0]
    number.write_text(f"{host} 4194305")  # beyond the largest number of a process: it is gone
    RunDirectory(run.path).lock()
    number.write_text("another-host 1")
    with pytest.raises(ebm.EbmError, match="process 1 of another-host; if it is not, remove"):
        RunDirectory(run.path).lock()


def test_a_lock_leaves_nothing_behind(tmp_path):
    run = made(tmp_path / "run")
    assert sorted(p.name for p in run.path.iterdir()) == ["config.toml", "environment.json"]


# Where compiled code is kept

USE = """
import numpy as np
from ebm.kernels.learning.ascend import blend
mean = np.zeros(3)
blend(False, mean, np.ones(3), 0.5)
print(mean)
"""


def used(prelude="", **environment):
    """What a process says that uses a kernel, one that compiles fast."""
    return subprocess.run(
        [sys.executable, "-c", prelude + USE],
        capture_output=True, text=True, env=os.environ | environment, cwd=ROOT,
    )  # fmt: skip


def test_without_a_place_for_compiled_code_it_is_kept_in_memory():
    nowhere = (
        "import numba.core.caching as c\n"
        "def no(self): raise OSError('read-only')\n"
        "c._CacheLocator.ensure_cache_path = no\n"
    )
    full = "import shutil\nshutil.disk_usage = lambda path: shutil._ntuple_diskusage(10**9, 10**9, 10**6)\n"
    for prelude in (nowhere, full):
        ran = used(prelude)
        assert ran.stdout == "[0.5 0.5 0.5]\n", ran.stderr
        assert "expected NUMBA_CACHE_DIR to name one" in ran.stderr
        assert len(re.findall("RuntimeWarning", ran.stderr)) == 1


def test_without_a_compiler_it_says_so():
    ran = used(NUMBA_DISABLE_JIT="1")
    assert "NUMBA_DISABLE_JIT: kernels are instructions to a compiler" in ran.stderr.splitlines()[-1]


def test_indices_are_checked_on_demand(tmp_path):
    """A kernel of another cache, that reads beyond its array."""
    wrong = (
        "import numpy as np\n"
        "from ebm.kernels.learning.ascend import blend\n"
        "blend(False, np.zeros(2), np.zeros(5), 0.5)\n"
    )
    ran = used(wrong, EBM_CHECK="1", NUMBA_CACHE_DIR=str(tmp_path))
    assert "IndexError" in ran.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["checked"]


# As on Windows: directories cannot be opened, open files neither renamed upon nor removed.


def test_a_save_where_directories_cannot_be_opened(tmp_path, monkeypatch):
    opened = os.open

    def refusing(path, *args, **kwargs):
        if os.path.isdir(path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", refusing)
    machine = ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 3, 2, dtype="float64")
    ebm.save(tmp_path / "a.npz", machine)
    assert np.array_equal(ebm.load(tmp_path / "a.npz").W, machine.W)
    run = RunDirectory(tmp_path / "run")
    run.create(TABLES, 0)
    run.append_metrics({"step": 0})
    run.save_state(ebm.begin(machine, ebm.CD(), ebm.SGD(0.1)))
    assert run.load_state().step == 0
    run.unlock()


@pytest.mark.parametrize(("times", "written"), [(1, True), (3, True), (99, False)])
def test_a_file_that_somebody_reads_is_replaced_when_he_is_done(times, written, tmp_path, monkeypatch):
    replace, calls = os.replace, []

    def refusing(source, target):
        calls.append(source)
        if len(calls) <= times:
            raise PermissionError(errno.EACCES, "in use", str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", refusing)
    path = tmp_path / "a.txt"
    path.write_text("old")
    if written:
        files.write_atomic(path, lambda file: file.write(b"new"))
    else:
        with pytest.raises(PermissionError, match=r"a\.txt"):
            files.write_atomic(path, lambda file: file.write(b"new"))
    assert path.read_text() == ("new" if written else "old")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_the_lock_of_windows(tmp_path, monkeypatch):
    class Windows:
        LK_NBLCK = 2

        @staticmethod
        def locking(file, mode, n):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    unlink, held = Path.unlink, []

    def refusing(path, missing_ok=False):
        if path.name == ".ebm.lock" and held and held[0]._lock._file is not None and not held[1:]:
            held.append("asked")  # while it is open
            raise PermissionError(errno.EACCES, "in use", str(path))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(locking, "fcntl", None)
    monkeypatch.setattr(locking, "msvcrt", Windows)
    monkeypatch.setattr(Path, "unlink", refusing)
    run = RunDirectory(tmp_path / "run")
    run.create(TABLES, 0)
    held.append(run)
    with pytest.raises(ebm.EbmError, match="another ebm is running in this directory"):
        RunDirectory(run.path).lock()
    assert not (run.path / ".ebm.pid").exists()
    run.unlock()
    assert held[1:] == ["asked"]
    assert not (run.path / ".ebm.lock").exists()
    RunDirectory(run.path).lock()
