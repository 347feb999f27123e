"""ebm predict | transform: what a model says of rows of data."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import click

from ebm.cli.shell import check_output, main, said
from ebm.errors import EbmError

if TYPE_CHECKING:
    import numpy as np

__all__ = ["predict", "transform"]

_AT_ONCE = 4096  # rows


@main.command()
@click.argument("model", type=click.Path())
@click.argument("data", type=click.Path())
@click.option("-o", "--output", type=click.Path(), help="A .npy or .csv file [default: csv on the screen].")
@click.option("--proba", is_flag=True, help="Probabilities of all classes instead of the likeliest one.")
@click.option("--key", help="The array to read from an .npz file.")
@click.option("--labels", help="The array of true labels in the .npz file, to print the error.")
@said
def predict(
    model: str, data: str, output: str | None, proba: bool, key: str | None, labels: str | None
) -> None:
    """Predict y for the rows of DATA (.npy, .npz or .csv).

    MODEL is a file of ebm.save: a network, an estimator, or an RBM whose last visible unit is the label; or a
    run, whose readout or machine it then is.

    \b
    Examples:
      ebm predict runs/digits-dbn mine.csv
      ebm predict classifier.npz test.npz --key X_test --labels y_test -o y.csv
    """
    import numpy as np

    loaded, rows = _begin(model, data, key, output, "readout.npz")
    function = _probabilities(loaded) if proba else _predictions(loaded)
    if function is None:
        what = "gives no probabilities" if proba else "predicts nothing"
        raise EbmError(f"{model}: {loaded} {what}; expected a classifier")
    true = None if labels is None else _labels(data, labels, len(rows))
    found = _of_rows(function, rows)
    _write(found, output)
    if true is None:
        return
    guess = _of_rows(_predictions(loaded), rows) if proba else found
    if guess.dtype.kind == "f" and true.dtype.kind in "biuf" and not hasattr(loaded, "classes_"):
        off = np.sqrt(np.square(guess.reshape(true.shape) - true).mean())
        said = f"root mean square error {off:.6g} of {len(true)} rows"
    else:
        wrong = float((guess.astype(true.dtype) != true).mean())
        error = np.sqrt(wrong * (1 - wrong) / len(true))
        said = f"error {wrong:.2%} ± {error:.2%} of {len(true)} rows"
    click.echo(said, err=output is None)


@main.command()
@click.argument("model", type=click.Path())
@click.argument("data", type=click.Path())
@click.option("-o", "--output", type=click.Path(), help="A .npy or .csv file [default: csv on the screen].")
@click.option("--key", help="The array to read from an .npz file.")
@said
def transform(model: str, data: str, output: str | None, key: str | None) -> None:
    """Features of the rows of DATA (.npy, .npz or .csv): means of the hidden units of MODEL.

    \b
    Examples:
      ebm transform runs/digits/model.npz pixels.npy -o features.npy
    """
    loaded, rows = _begin(model, data, key, output)
    function = getattr(loaded, "transform", None) or getattr(loaded, "mean_h", None)
    if function is None:
        raise EbmError(f"{model}: {loaded} has no features; expected a model with hidden units")
    _write(_of_rows(function, rows), output)


def _begin(
    model: str, data: str, key: str | None, output: str | None, first: str = "model.npz"
) -> tuple[Any, np.ndarray]:
    """The model and the rows; what cannot be written is refused first.

    Of a run, `first` is the file that is taken if it is there.
    """
    from pathlib import Path

    from ebm.checkpoint import load
    from ebm.datasets import read_array

    check_output(output, (".npy", ".csv"))
    path = Path(model)
    if path.is_dir():
        path = path / (first if (path / first).exists() else "model.npz")
    loaded = load(path)
    return getattr(loaded, "machine", loaded), read_array(data, key)


def _labelled(loaded: Any) -> Any:
    """The type of the label, of a machine whose last visible unit it is; else None."""
    from ebm.units import Gaussian, Mixed, Potts

    units: Any = getattr(loaded, "units", None)
    label = units.one(loaded.n_visible - 1) if isinstance(units, Mixed) else None
    return label if isinstance(label, (Gaussian, Potts)) else None


def _probabilities(loaded: Any) -> Any:
    from ebm.conditional import conditional_probabilities

    label = _labelled(loaded)
    if label is not None:
        return (lambda rows: conditional_probabilities(loaded, rows)) if label.finite else None
    readout = getattr(loaded, "readout_units", None)
    if readout is not None:
        return loaded.predict_mean if readout.finite else None
    return getattr(loaded, "predict_proba", None)


def _predictions(loaded: Any) -> Any:
    from ebm.conditional import conditional_moments

    label = _labelled(loaded)
    if label is None:
        return getattr(loaded, "predict", None)
    if label.finite:
        return lambda rows: _probabilities(loaded)(rows).argmax(1)
    return lambda rows: conditional_moments(loaded, rows)[0]


def _of_rows(function: Any, rows: np.ndarray) -> np.ndarray:
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


def _write(found: np.ndarray, output: str | None) -> None:
    """As .npy, as .csv, or as csv on the screen."""
    import numpy as np

    from ebm.checkpoint import write_atomic

    if output is not None and output.endswith(".npy"):
        write_atomic(output, lambda file: np.save(file, found, allow_pickle=False))
        return
    text = io.StringIO()
    np.savetxt(text, found, fmt="%.8g" if found.dtype.kind == "f" else "%s", delimiter=",")
    if output is None:
        click.echo(text.getvalue(), nl=False)
    else:
        write_atomic(output, lambda file: file.write(text.getvalue().encode()))
