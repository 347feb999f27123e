"""The stage that infers couplings from the rows, in place of learning: docs/math.md, inverse problems."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, Literal, cast

import numpy as np

from ebm.boltzmann import BoltzmannMachine
from ebm.errors import EbmError, nearest
from ebm.experiment.work import Config, Model, Work
from ebm.files import write_atomic
from ebm.inverse import METHODS, infer, sequence_weights
from ebm.penalties import L1, L2, GroupLasso
from ebm.stream import Seed

__all__ = ["check_inverse", "inverse", "write_edges"]

_SHOWN = 30  # edges that are drawn with their errors
_DRAWN = 200  # units, at most, of a network that is drawn


def inverse(
    work: Work,
    method: str = "pseudo_likelihood",
    penalties: Sequence[L1 | L2 | GroupLasso] = (),
    symmetrise: Literal["mean", "and", "or", "joint"] = "mean",
    identity: float | None = None,
    seed: Seed = 0,
    **settings: Any,
) -> None:
    """Infer the couplings of a fully connected machine from the training rows, in place of [train].

    Parameters
    ----------
    method : str
        A method of `ebm.inverse.infer`.
    penalties : sequence of L1, L2, GroupLasso
        On couplings.
    symmetrise : {"mean", "and", "or", "joint"}
        How both units' estimates of a coupling become one.
    identity : float, optional
        Rows that agree at this share of the units or more, such as 0.8 of an alignment's relatives, share the
        weight of one: `ebm.inverse.sequence_weights`.
    seed : int
        Of methods that draw samples.
    **settings
        Of the method's own.
    """
    machine = work.machine
    assert isinstance(machine, BoltzmannMachine)
    weights = None if identity is None else sequence_weights(work.rows.train, identity)
    with work.report.progress("inferring") as update:
        found = infer(
            work.rows.train,
            machine.units,
            method,
            penalty=penalties or None,
            weights=weights,
            symmetrise=symmetrise,
            seed=seed,
            progress=update,
            **settings,
        )
    work.machine = cast(BoltzmannMachine, found.machine)
    edges = found.edges()
    coupled = [edge for edge in edges if edge["J"]]
    work.summary["inverse"] = {"method": method, "n_effective": found.n_effective, "edges": len(coupled)}
    work.report.row(f"couplings by {method}", len(coupled), f"of {len(edges)} pairs")
    if found.stderr_J is not None and found.stderr_b is not None:
        work.report.row("median standard error", float(np.nanmedian(found.stderr_J)), "nats")
        work.arrays["stderr_J"], work.arrays["stderr_b"] = found.stderr_J, found.stderr_b
    write_edges(work.run.path / "edges.csv", edges)
    if len(coupled) < len(edges) and len(found.b) == machine.n_units <= _DRAWN:
        work.arrays["network"] = found.J
    first = coupled[:_SHOWN]
    if first:
        work.arrays["edges_ij"] = np.array([[edge["i"], edge["j"]] for edge in first])
        work.arrays["edges_J"] = np.array([edge["J"] for edge in first])
        if "stderr" in first[0]:
            work.arrays["edges_stderr"] = np.array([edge["stderr"] for edge in first])


def write_edges(path: Any, edges: Sequence[dict[str, Any]]) -> None:
    """Edges of `Couplings` as a .csv file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(edges[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(edges)
    write_atomic(path, lambda file: file.write(text.getvalue().encode()))


def check_inverse(config: Config, machine: Model) -> None:
    """Refuse what could not be done, before anything is written.

    Raises
    ------
    EbmError
        Other machines, hidden units, learning beside it, unknown methods.
    """
    if not isinstance(machine, BoltzmannMachine) or machine.n_hidden:
        raise EbmError('[inverse]: expected [machine] type = "BoltzmannMachine" without hidden units')
    if config.train is not None:
        raise EbmError("[inverse]: it stands in place of [train]; leave one of them out")
    method = config.stages["inverse"].arguments["method"]
    if method not in METHODS:
        raise EbmError(f"[inverse] method: unknown {method!r}; {nearest(method, METHODS)}")
