"""scikit-learn's BernoulliRBM: in memory, and in files of skops, which hold no code.

Its ``components_`` is (n_hidden, n_visible), so W is its transpose; ``intercept_visible_`` is b and
``intercept_hidden_`` is c. Its energy is ours.
"""

from __future__ import annotations

import io
import json
import os
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ebm.arguments import as_numbers
from ebm.errors import EbmError, NotSupported, described
from ebm.files import UNREADABLE, check_arrays, refuse_beyond_memory, write_atomic
from ebm.interchange.formats import Format
from ebm.rbm import RBM
from ebm.units import Bernoulli

if TYPE_CHECKING:
    from sklearn.neural_network import BernoulliRBM

__all__ = ["FORMAT", "from_sklearn", "read", "to_sklearn", "write"]

_MOST = 2**20  # bytes of the schema: that of a BernoulliRBM has a few thousand


def from_sklearn(estimator: object) -> RBM:
    """The machine of a fitted `sklearn.neural_network.BernoulliRBM`.

    Raises
    ------
    EbmError
        Another object; one that is not fitted.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.neural_network import BernoulliRBM
    >>> fitted = BernoulliRBM(n_components=2, n_iter=1, random_state=0).fit(np.eye(4))
    >>> from_sklearn(fitted)
    RBM(Bernoulli(), Bernoulli(), 4 × 2, float64)
    """
    from sklearn.neural_network import BernoulliRBM

    if not isinstance(estimator, BernoulliRBM):
        raise EbmError(
            f"estimator: got {described(estimator)}; expected a sklearn.neural_network.BernoulliRBM"
        )
    state = vars(estimator)
    if "components_" not in state:
        raise EbmError("estimator: it is not fitted; expected one that is")
    W = as_numbers(state["components_"], "components_").T
    n, m = W.shape if W.ndim == 2 else (0, 0)
    b = as_numbers(state["intercept_visible_"], "intercept_visible_", (n,))
    return RBM(
        Bernoulli(), Bernoulli(), W, b, as_numbers(state["intercept_hidden_"], "intercept_hidden_", (m,))
    )


def to_sklearn(machine: object) -> BernoulliRBM:
    """A fitted `sklearn.neural_network.BernoulliRBM` with the parameters of a machine.

    Its ``transform``, ``gibbs`` and ``score_samples`` work at once, and ``partial_fit`` goes on from there.

    Raises
    ------
    NotSupported
        A machine of other units than Bernoulli ones.
    """
    from sklearn.neural_network import BernoulliRBM

    if not isinstance(machine, RBM) or machine.visible != Bernoulli() or machine.hidden != Bernoulli():
        raise NotSupported(f"scikit-learn has no {machine!r}; expected an RBM(Bernoulli(), Bernoulli())")
    made = BernoulliRBM(n_components=machine.n_hidden, random_state=0)
    made.components_ = np.array(machine.W.T, order="F")  # as its own fit leaves it
    made.intercept_visible_, made.intercept_hidden_ = machine.b.copy(), machine.c.copy()
    made.n_features_in_ = machine.n_visible
    made.h_samples_ = np.zeros((made.batch_size, machine.n_hidden), machine.W.dtype)
    made._n_features_out = machine.n_hidden
    return made


def _recognise(path: Path, head: bytes) -> bool:
    if not head.startswith(b"PK"):
        return False
    with zipfile.ZipFile(path) as archive:
        return "schema.json" in archive.namelist() and b"BernoulliRBM" in archive.read("schema.json")[:_MOST]


def read(path: str | os.PathLike[str]) -> RBM:
    """The machine of a BernoulliRBM in a file of skops; skops refuses what it does not know, and runs
    nothing.

    Raises
    ------
    EbmError
        skops is not installed; another object; types that could run code; what is damaged.
    """
    skops = _skops()
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("schema.json").file_size > _MOST:
                raise EbmError(f"{path}: a schema of more than {_MOST} bytes; expected a BernoulliRBM")
            refuse_beyond_memory(sum(i.file_size for i in archive.infolist()), str(path), "a smaller file")
            json.loads(archive.read("schema.json"))
        check_arrays(path)
        untrusted = skops.get_untrusted_types(file=path)
        if untrusted:
            raise EbmError(
                f"{path}: it names {untrusted[0]!r}, which could run code; expected a BernoulliRBM"
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of another version of scikit-learn: its arrays are the same
            return from_sklearn(skops.load(path, trusted=[]))
    except EbmError as error:
        raise EbmError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None
    except (*UNREADABLE, zipfile.LargeZipFile, RecursionError) as error:
        why = " ".join(str(error).split())[:120] or type(error).__name__
        raise EbmError(f"{path}: truncated or damaged ({why}); expected a file of skops") from None
    except Exception as error:  # skops has its own, and what it builds raises what it likes
        raise EbmError(
            f"{path}: skops refuses it ({type(error).__name__}); expected a BernoulliRBM"
        ) from None


def write(path: str | os.PathLike[str], machine: object) -> None:
    """Write a machine as a file of skops that holds a fitted BernoulliRBM."""
    data = _skops().dumps(to_sklearn(machine))
    write_atomic(path, lambda file: file.write(io.BytesIO(data).getvalue()))


def _skops() -> Any:
    try:
        import skops.io
    except ImportError:
        raise EbmError(
            "files of scikit-learn need skops: pip install 'boltzmann-machines[interchange]'"
        ) from None
    return skops.io


FORMAT = Format(
    name="sklearn",
    title="scikit-learn's BernoulliRBM in a file of skops",
    suffixes=(".skops",),
    recognise=_recognise,
    read=read,
    write=write,
    energy="E(v,h) = -intercept_visible_.v - intercept_hidden_.h - h.components_.v; W = components_.T",
    extra="interchange",
)
