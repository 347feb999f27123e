"""Files of ``torch.save`` with tensors, numbers and dicts: QuCumber, learnergy, D-Wave's plugin for torch.

A file is a zip of ``data.pkl``, a pickle that is read by `ebm.interchange.records`, and of the bytes of each
storage. torch is not needed, and nothing is run.
"""

from __future__ import annotations

import math
import os
import zipfile
from typing import Any

import numpy as np

from ebm.errors import EbmError, nearest, short
from ebm.files import UNREADABLE, as_path, refuse_beyond_memory
from ebm.interchange.records import Record, recorded

__all__ = ["only", "read_tensors"]

_STORAGES = {
    "torch.DoubleStorage": "f8", "torch.FloatStorage": "f4", "torch.HalfStorage": "f2",
    "torch.LongStorage": "i8", "torch.IntStorage": "i4", "torch.ShortStorage": "i2",
    "torch.CharStorage": "i1", "torch.ByteStorage": "u1", "torch.BoolStorage": "?",
}  # fmt: skip
_NAMES = frozenset(
    {
        "collections.OrderedDict",
        "torch._utils._rebuild_tensor_v2",
        "torch._utils._rebuild_parameter",
        *_STORAGES,
    }
)
_MOST = 2**26  # bytes of the pickle, which holds no numbers of tensors


def is_torch(path: os.PathLike[str] | str, head: bytes) -> bool:
    """Whether a file is one of ``torch.save`` of version 1.6 and later."""
    if not head.startswith(b"PK"):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/data.pkl") for name in archive.namelist())


def read_tensors(path: str | os.PathLike[str]) -> dict[Any, Any]:
    """The dict that a file of ``torch.save`` holds, tensors as arrays.

    Raises
    ------
    EbmError
        It holds something else, or names what is neither a tensor nor a dict.
    """
    file = as_path(path)
    try:
        with zipfile.ZipFile(file) as archive:
            inner = [name for name in archive.namelist() if name.endswith("/data.pkl")]
            if len(inner) != 1:
                raise EbmError(f"{path}: no data.pkl; expected a file of torch.save, version 1.6 or later")
            total = sum(entry.file_size for entry in archive.infolist())
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise EbmError(f"{path}: compressed; expected a file of torch.save, which is not")
            refuse_beyond_memory(2 * total, str(path), "a smaller file")
            if archive.getinfo(inner[0]).file_size > _MOST:
                raise EbmError(f"{path}: a pickle of more than {_MOST} bytes; expected a model")
            folder = inner[0].removesuffix("data.pkl")
            swapped = (
                folder + "byteorder" in archive.namelist() and archive.read(folder + "byteorder") == b"big"
            )
            tree = recorded(archive.read(inner[0]), _NAMES, str(path))
            found = _plain(tree, archive, folder, swapped, 0)
    except EbmError as error:
        raise EbmError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None
    except UNREADABLE as error:
        why = " ".join(str(error).split())[:120] or type(error).__name__
        raise EbmError(f"{path}: truncated or damaged ({why}); expected a file of torch.save") from None
    if not isinstance(found, dict):
        raise EbmError(f"{path}: a {type(found).__name__}; expected a dict of tensors")
    return found


def _plain(value: Any, archive: zipfile.ZipFile, folder: str, swapped: bool, depth: int) -> Any:
    """Records as arrays, in dicts, lists and tuples."""
    if depth > 20:
        raise EbmError("dicts within dicts, more than 20; expected a model")
    if isinstance(value, Record):
        return _tensor(value, archive, folder, swapped)
    if isinstance(value, dict):
        return {key: _plain(item, archive, folder, swapped, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item, archive, folder, swapped, depth + 1) for item in value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise EbmError(f"{short(value)}; expected tensors, numbers and dicts")


def _tensor(record: Record, archive: zipfile.ZipFile, folder: str, swapped: bool) -> np.ndarray:
    """An array of the bytes of its storage."""
    if record.name == "torch._utils._rebuild_parameter":
        record = record.args[0]
    if not isinstance(record, Record) or record.name != "torch._utils._rebuild_tensor_v2":
        raise EbmError("expected a tensor")
    storage, offset, size, stride = record.args[:4]
    mark, kind, key, *_ = storage.args[0]
    if storage.name != "persistent" or mark != "storage" or kind.name not in _STORAGES:
        raise EbmError("a tensor without a storage; expected numbers")
    dtype = np.dtype(_STORAGES[kind.name]).newbyteorder(">" if swapped else "<")
    data = archive.read(f"{folder}data/{key}")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    inside = all(isinstance(n, int) and n >= 0 for n in (offset, *size, *stride))
    if not inside or (math.prod(size) and (last + 1) * dtype.itemsize > len(data)):
        raise EbmError(f"a tensor {size} of a storage of {len(data)} bytes; expected it within")
    if math.prod(size) * dtype.itemsize > len(data):
        raise EbmError(f"a tensor {size} that repeats {len(data)} bytes; expected each number once")
    flat = np.frombuffer(data, np.uint8)[: len(data) // dtype.itemsize * dtype.itemsize].view(dtype)
    steps = tuple(step * dtype.itemsize for step in stride)
    found = np.lib.stride_tricks.as_strided(flat[offset:], tuple(size), steps, writeable=False)
    return np.array(found, dtype.newbyteorder("="))


def only(
    tensors: dict[Any, Any], names: tuple[str, ...], path: str | os.PathLike[str], program: str
) -> list[np.ndarray]:
    """The tensors of these names, finite real numbers; no others.

    Raises
    ------
    EbmError
        One is missing; there is another one, which the machine would lack.
    """
    found = []
    for name in names:
        value = tensors.get(name)
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu" or not np.isfinite(value).all():
            hint = "real numbers" if name in tensors else nearest(name, [str(key) for key in tensors])
            raise EbmError(f"{path}: {name}: expected a tensor of {program}; {hint}")
        found.append(value)
    more = [key for key in tensors if key not in names]
    if more:
        raise EbmError(
            f"{path}: {short(more[0])} beside {', '.join(names)}; expected these alone, as {program} has them"
        )
    return found
