"""MNIST and its kin: IDX files, gzipped or not, an .npz, or OpenML."""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ebm.datasets.tables import Data
from ebm.errors import EbmError, settings
from ebm.files import UNREADABLE, as_path, check_arrays, inflated

__all__ = ["MNIST", "read_idx"]

_PARTS = {"train": ("train-images", "train-labels"), "test": ("t10k-images", "t10k-labels")}
_NAMES = (("X_train", "y_train", "X_test", "y_test"), ("x_train", "y_train", "x_test", "y_test"))


def read_idx(path: str | Path) -> np.ndarray:
    """Read an IDX file of bytes, gzipped or not: (n,) labels or (n, height, width) images, uint8.

    Raises
    ------
    EbmError
        A file that is missing, foreign or truncated: one line.

    References
    ----------
    LeCun, Cortes & Burges, "The MNIST database of handwritten digits": the format's description there.
    """
    path = as_path(path)
    try:
        raw = inflated(path, 16, _size)
    except FileNotFoundError:
        raise EbmError(f"{path}: no such file") from None
    except (OSError, EOFError, zlib.error) as error:
        raise EbmError(f"{path}: cannot be read ({error}); expected an IDX file, gzipped or not") from None
    if raw[:4] not in (b"\0\0\x08\x01", b"\0\0\x08\x03"):
        expected = "expected an IDX file of bytes, 00000801 or 00000803"
        raise EbmError(f"{path}: begins with {raw[:4].hex()}; {expected}")
    size, shape = 4 + 4 * raw[3], _shape(raw)
    if len(raw) < size or len(raw) != _size(raw):
        more = " or more" if len(raw) > _size(raw) else ""
        raise EbmError(f"{path}: {len(raw)} bytes{more}; expected {_size(raw)} for the shape {shape}")
    return np.frombuffer(raw, np.uint8, offset=size).reshape(shape)


def _shape(raw: bytes) -> tuple[int, ...]:
    """The shape that the first bytes announce."""
    return tuple(int.from_bytes(raw[k : k + 4], "big") for k in range(4, 4 + 4 * raw[3], 4))


def _size(raw: bytes) -> int:
    """How many bytes the first ones announce; none where they are those of another format."""
    if raw[:3] != b"\0\0\x08" or len(raw) < 4 or raw[3] not in (1, 3):
        return 0
    return 4 + 4 * raw[3] + math.prod(_shape(raw))


def _of_folder(folder: Path) -> tuple[np.ndarray, ...]:
    """Images and labels of both parts, from the four files of a folder."""
    parts: list[np.ndarray] = []
    for stems in _PARTS.values():
        for stem, rank in zip(stems, (3, 1), strict=True):
            names = [f"{stem}{dot}idx{rank}-ubyte{end}" for dot in "-." for end in ("", ".gz")]
            path = next((folder / name for name in names if (folder / name).exists()), None)
            if path is None:
                raise EbmError(f"{folder}: no file {names[0]}, gzipped or not")
            parts.append(read_idx(path))
    return tuple(parts)


def _of_archive(path: Path) -> tuple[np.ndarray, ...]:
    """Images and labels of both parts, from an .npz."""
    try:
        check_arrays(path, lambda name: any(name in names for names in _NAMES))
        with np.load(path, allow_pickle=False) as archive:
            for names in _NAMES:
                if set(names) <= set(archive.files):
                    return tuple(archive[name] for name in names)
            held = ", ".join(archive.files)
    except EbmError:
        raise
    except UNREADABLE:
        raise EbmError(f"{path}: cannot be read: truncated or no .npz; expected an .npz file") from None
    raise EbmError(f"{path}: holds {held}; expected X_train, y_train, X_test, y_test")


def _of_openml() -> tuple[np.ndarray, ...]:
    """Images and labels of both parts, by scikit-learn from openml.org."""
    from sklearn.datasets import fetch_openml

    try:
        x, y = fetch_openml("mnist_784", version=1, as_frame=False, return_X_y=True, parser="liac-arff")
    except Exception as error:  # whatever the network, its cache or the file have to say
        reason = " ".join(str(error).split())[:100]
        raise EbmError(
            f"MNIST: openml.org: {reason}; expected a network, or path = a folder or file"
        ) from None
    return x[:60000], y[:60000].astype(np.int64), x[60000:], y[60000:].astype(np.int64)


@settings
class MNIST:
    """Handwritten digits of 28 × 28 pixels, or a set in the same files, such as Fashion-MNIST.

    Parameters
    ----------
    path : str, optional
        A folder with the four IDX files, gzipped or not, or an .npz with X_train, y_train, X_test and y_test;
        ``~`` is the home directory. Left out: openml.org, which needs a network.
    held_out : {"validation", "test"}
        What the test rows are: the last sixth of the training file, which is then no longer learnt from, to
        make choices by; or the test file, to be looked at once.
    threshold : float, optional
        Make bits of the pixels 0..255, ``pixel >= threshold``; by default they are pixel / 255 in [0, 1].
    labels_per_class : int, optional
        Learn from so many rows of each class only.
    seed : int
        Of that choice.

    Raises
    ------
    EbmError
        By `load`: files that are missing, foreign or truncated, parts that do not fit, no network: one line.

    References
    ----------
    LeCun, Bottou, Bengio & Haffner, "Gradient-based learning applied to document recognition" (1998).

    Examples
    --------
    >>> MNIST(path="~/mnist", threshold=128).held_out
    'validation'
    """

    path: str | None = None
    held_out: Literal["validation", "test"] = "validation"
    threshold: Annotated[float, Field(gt=0, le=255)] | None = None
    labels_per_class: Annotated[int, Field(ge=1)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    def load(self) -> Data:
        """Return the rows, float32, with the digit as label."""
        x, y, x_test, y_test = self._parts()
        if self.held_out == "validation":
            cut = len(x) - len(x) // 6
            x, y, x_test, y_test = x[:cut], y[:cut], x[cut:], y[cut:]
        rows = self._few(y)
        side = round(x.shape[1] ** 0.5)
        shape = (side, side) if side * side == x.shape[1] else None
        return Data(
            self._scaled(x[rows]), self._scaled(x_test), y[rows], y_test, image_shape=shape, name="mnist"
        )

    def _parts(self) -> tuple[np.ndarray, ...]:
        """Pixels as rows and labels of both parts."""
        if self.path is None:
            parts = _of_openml()
        else:
            path = as_path(self.path)
            if not path.exists():
                raise EbmError(f"{path}: no such file or folder")
            parts = _of_folder(path) if path.is_dir() else _of_archive(path)
        x, y, x_test, y_test = (np.asarray(part) for part in parts)
        x, x_test = (a.reshape(len(a), int(np.prod(a.shape[1:]))) for a in (x, x_test))
        good = len(x) == len(y) > 5 and len(x_test) == len(y_test) > 0 and x.shape[1] == x_test.shape[1] > 0
        if not good or y.dtype.kind not in "iu" or y.ndim != 1 or min(y.min(), x.min()) < 0 or x.max() > 255:
            shapes = ", ".join(str(part.shape) for part in (x, y, x_test, y_test))
            raise EbmError(
                f"MNIST: {self.path}: parts {shapes}; expected pixels 0..255 and a label for each row"
            )
        return x, y.astype(np.int64), x_test, y_test.astype(np.int64)

    def _few(self, y: np.ndarray) -> np.ndarray:
        """Numbers of the rows to learn from."""
        if self.labels_per_class is None:
            return np.arange(len(y))
        rng, chosen = np.random.default_rng(self.seed), []
        for k in np.unique(y):
            members = np.flatnonzero(y == k)
            if len(members) < self.labels_per_class:
                raise EbmError(f"MNIST: labels_per_class: class {k} has {len(members)} rows")
            chosen.append(rng.choice(members, self.labels_per_class, replace=False))
        return np.sort(np.concatenate(chosen))

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        if self.threshold is not None:
            return (x >= self.threshold).astype(np.float32)
        return x.astype(np.float32) / np.float32(255)
