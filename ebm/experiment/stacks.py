"""Runs of deep belief networks: layers learnt one on the other."""

from __future__ import annotations

from ebm.checkpoint import load_machine, save
from ebm.deep import DBN
from ebm.errors import EbmError
from ebm.experiment.report import seldom
from ebm.experiment.work import Config, Work
from ebm.learning.rules import predictor
from ebm.machine import HasFeatures, require
from ebm.scores import reconstruction_error

__all__ = ["check_stack", "learn_stack"]

_ROWS = 2000  # that are reconstructed


def check_stack(config: Config) -> None:
    """Refuse what a stack that learns layer by layer does not do.

    Raises
    ------
    EbmError
        One line that names the table.
    """
    train = config.train
    if train is None:
        raise EbmError("[machine] DBN: needs a [train] table; its layers are learnt one on the other")
    for name, given in (
        ("log_likelihood", train.log_likelihood != "none"), ("kl", train.kl),
        ("stopping", train.stopping is not None), ("constraints", bool(train.constraints)),
        ("repeat", train.repeat > 1),
    ):  # fmt: skip
        if given:
            raise EbmError(f"[train] {name}: a DBN learns layer by layer, without it")
    for name in ("completion", "traces", "annealing"):
        if name in config.stages:
            raise EbmError(f"[{name}]: needs a machine with one energy; a DBN has directed layers")
    if predictor(config.rule) is not None:
        name = type(config.rule).__name__
        raise EbmError(f"[rule] {name}: layers of a DBN have no label; expected a [readout]")


def learn_stack(work: Work) -> None:
    """Learn the layers that are not in the run's folder yet, and write each when it is done.

    A run that is stopped in the middle of a layer begins that layer again: each is a function of the config
    and of the layers below.
    """
    config, sizes = work.config, work.config.machine.arguments["sizes"]
    train, dbn = config.train, work.machine
    assert train is not None
    assert isinstance(dbn, DBN)
    folder, learnt = work.run.path / "layers", []
    folder.mkdir(exist_ok=True)
    files = [folder / f"{k}.npz" for k in range(len(sizes))]
    for file in files:
        if not file.exists():
            break
        learnt.append(load_machine(file))
    with work.report.progress("learning") as update:
        if learnt:
            update(len(learnt) / len(files), f"{len(learnt)} of {len(files)} layers learnt before")
        work.machine = config.machine(
            work.rows.train, visible=dbn.layer_units[0], rule=config.rule, optimiser=config.optimiser,
            epochs=train.epochs, batch_size=train.batch_size, penalties=train.penalties, seed=train.seed,
            learnt=learnt, progress=seldom(update, train.evaluate_every),
            each=lambda k, machine: save(files[k], machine),
        )  # fmt: skip
    rows = work.rows.train[:_ROWS]
    for k, file in enumerate(files):
        machine = require(load_machine(file), HasFeatures, "DBN")
        error, shape = reconstruction_error(machine, rows), f"{machine.n_visible}-{dbn.sizes[k + 1]}"
        work.report.row(f"reconstruction error, layer {k + 1}, {shape}", error, "squared, per unit", digits=4)
        rows = machine.mean_h(rows)
