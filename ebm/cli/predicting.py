"""ebm predict | transform: what a model says of rows of data."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import click

from ebm.cli.shell import check_output, in_one_line, main, write_rows
from ebm.cli.tables import predict_table
from ebm.errors import EbmError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from ebm.table import TableModel
    from ebm.units import Gaussian, Potts

__all__ = ["predict", "transform"]

_AT_ONCE = 4096  # rows
OfRows: TypeAlias = "Callable[[np.ndarray], np.ndarray]"


@runtime_checkable
class Predictor(Protocol):
    """A network, or an estimator that predicts."""

    def predict(self, X: Any) -> Any:
        """y of each row."""


@runtime_checkable
class Classifier(Predictor, Protocol):
    """An estimator of classes."""

    classes_: Any

    def predict_proba(self, X: Any) -> Any:
        """The probability of each class, for each row."""


@runtime_checkable
class Transformer(Protocol):
    """A stack, a network or an estimator with features."""

    def transform(self, X: Any) -> Any:
        """The features of each row."""


@main.command()
@click.argument("model", type=click.Path())
@click.argument("data", type=click.Path())
@click.option("-o", "--output", type=click.Path(), help="A .npy or .csv file [default: csv on the screen].")
@click.option("--proba", is_flag=True, help="Probabilities of all classes instead of the likeliest one.")
@click.option("--key", help="The array to read from an .npz file.")
@click.option(
    "--labels",
    help="The true labels, to print the error: an array of the .npz file, or a column of another, by its"
    " name or number (-1: the last) [default: those of a run's config, if the column is there].",
)
@click.option("--target", help="Of a model of a table: the column to predict [default: that of its run].")
@in_one_line
def predict(
    model: str,
    data: str,
    output: str | None,
    proba: bool,
    key: str | None,
    labels: str | None,
    target: str | None,
) -> None:
    """Predict y for the rows of DATA (.npy, .npz or .csv).

    MODEL is a file of ebm.save: a network, an estimator, or an RBM whose last visible unit is the label; or a
    run, whose readout or machine it then is.

    \b
    Examples:
      ebm predict runs/digits-dbn mine.csv
      ebm predict classifier.npz test.npz --key X_test --labels y_test -o y.csv
      ebm predict classifier.npz test.csv --labels -1
      ebm predict runs/people people.csv --target smokes --proba
    """
    import numpy as np

    table = _table(model)
    if table is not None:
        predict_table(table, data, target, proba, output)
        return
    if target is not None:
        raise EbmError(f"{model}: is no model of a table; --target is for these, expected --labels")
    loaded, rows, true = _begin(model, data, key, output, "readout.npz", labels)
    function = _probabilities(loaded) if proba else _predictions(loaded)
    if function is None:
        what = "gives no probabilities" if proba else "predicts nothing"
        raise EbmError(f"{model}: {loaded} {what}; expected a classifier")
    y = _of_rows(function, rows)
    write_rows(y, output)
    if true is None:
        return
    guesses = _predictions(loaded) if proba else None
    guess = y if guesses is None else _of_rows(guesses, rows)
    if guess.dtype.kind == "f" and true.dtype.kind in "biuf" and not isinstance(loaded, Classifier):
        off = np.sqrt(np.square(guess.reshape(true.shape) - true).mean())
        line = f"root mean square error {off:.6g} of {len(true)} rows"
    else:
        wrong = float((guess.astype(true.dtype) != true).mean())
        error = np.sqrt(wrong * (1 - wrong) / len(true))
        line = f"error {wrong:.2%} ± {error:.2%} of {len(true)} rows"
    click.echo(line, err=output is None)


@main.command()
@click.argument("model", type=click.Path())
@click.argument("data", type=click.Path())
@click.option("-o", "--output", type=click.Path(), help="A .npy or .csv file [default: csv on the screen].")
@click.option("--key", help="The array to read from an .npz file.")
@in_one_line
def transform(model: str, data: str, output: str | None, key: str | None) -> None:
    """Features of the rows of DATA (.npy, .npz or .csv): means of the hidden units of MODEL.

    \b
    Examples:
      ebm transform runs/digits/model.npz pixels.npy -o features.npy
    """
    loaded, rows, _ = _begin(model, data, key, output)
    from ebm.machine import HasFeatures

    if isinstance(loaded, Transformer):
        write_rows(_of_rows(loaded.transform, rows), output)
    elif isinstance(loaded, HasFeatures):
        write_rows(_of_rows(loaded.mean_h, rows), output)
    else:
        raise EbmError(f"{model}: {loaded} has no features; expected a model with hidden units")


def _table(model: str) -> TableModel | None:
    """The model of a table in a file, or of a run; None: it is another."""
    from pathlib import Path

    from ebm.checkpoint import load
    from ebm.table import TableModel

    path = Path(model) / "model.npz" if Path(model).is_dir() else Path(model)
    loaded = load(path) if path.exists() else None
    return loaded if isinstance(loaded, TableModel) else None


def _begin(
    model: str,
    data: str,
    key: str | None,
    output: str | None,
    first: str = "model.npz",
    labels: str | None = None,
) -> tuple[Any, np.ndarray, np.ndarray | None]:
    """The model, the rows and their labels, if there are any; what cannot be written is refused first.

    Of a run, `first` is the file that is taken if it is there.
    """
    from pathlib import Path

    from ebm.checkpoint import load
    from ebm.datasets.reading import read_table
    from ebm.training import State

    check_output(output, (".npy", ".csv"))
    path = Path(model)
    if path.is_dir():
        path = path / (first if (path / first).exists() else "model.npz")
    loaded = load(path)
    loaded = loaded.machine if isinstance(loaded, State) else loaded
    if labels is not None and data.endswith(".npz"):
        rows = read_table(data, key, None)[0].values
        return loaded, rows, _labels(data, labels, len(rows))
    place: Any = labels
    if labels is None:
        place = _labels_of_run(Path(model))
        if place is None or read_table(data, key, None)[0].values.shape[1] != _width(loaded) + 1:
            return loaded, read_table(data, key, None)[0].values, None
    elif labels.removeprefix("-").isdecimal():
        place = int(labels)
    table, true = read_table(data, key, place, numbers=True)
    return loaded, table.values, true


def _labels_of_run(run: Path) -> str | int | None:
    """Where the config of a run has the labels of its data file."""
    from ebm.datasets import File
    from ebm.experiment.config import read_config

    if not run.is_dir() or not (run / "config.toml").exists():
        return None
    data = read_config(run / "config.toml").data
    return data.labels if isinstance(data, File) else None


def _width(loaded: object) -> int:
    """Columns of the rows that a network, or a machine whose last unit is the label, predicts from."""
    from ebm.machine import Machine
    from ebm.network import Network

    if isinstance(loaded, Network):
        return loaded.inputs.count(loaded.n_in)
    return loaded.n_visible - 1 if isinstance(loaded, Machine) else -1


def _label(loaded: object) -> Gaussian | Potts | None:
    """The type of the label, of an RBM whose last visible unit it is; else None."""
    from ebm.rbm import RBM
    from ebm.units import Gaussian, Mixed, Potts

    if not isinstance(loaded, RBM) or not isinstance(loaded.visible, Mixed):
        return None
    label = loaded.visible.one(loaded.n_visible - 1)
    return label if isinstance(label, (Gaussian, Potts)) else None


def _probabilities(loaded: Any) -> OfRows | None:
    from ebm.conditional import conditional_probabilities
    from ebm.network import Network

    label = _label(loaded)
    if label is not None:
        return (lambda rows: conditional_probabilities(loaded, rows)) if label.finite else None
    if isinstance(loaded, Network):
        return loaded.predict_mean if loaded.readout_units.finite else None
    return loaded.predict_proba if isinstance(loaded, Classifier) else None


def _predictions(loaded: Any) -> OfRows | None:
    from ebm.conditional import conditional_moments, conditional_probabilities

    label = _label(loaded)
    if label is None:
        return loaded.predict if isinstance(loaded, Predictor) else None
    if label.finite:
        return lambda rows: conditional_probabilities(loaded, rows).argmax(1)
    return lambda rows: conditional_moments(loaded, rows)[0]


def _of_rows(function: OfRows, rows: np.ndarray) -> np.ndarray:
    """A function of all rows, of some at a time."""
    import numpy as np

    return np.concatenate([function(rows[k : k + _AT_ONCE]) for k in range(0, len(rows), _AT_ONCE)])


def _labels(data: str, name: str, n: int) -> np.ndarray:
    """The array of labels in an .npz file."""
    from ebm.checkpoint import read_arrays

    if not data.endswith(".npz"):
        raise EbmError(f"--labels {name}: {data}: expected an .npz file that holds rows and labels")
    arrays = read_arrays(data)
    if name not in arrays or arrays[name].shape != (n,):
        held = ", ".join(f"{k} {v.shape}" for k, v in arrays.items())
        raise EbmError(f"{data}: expected an array {name!r} of {n} labels; it holds {held}")
    return arrays[name]
