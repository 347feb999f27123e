"""log Z of the published RBM of binarised MNIST by independent methods, and its test log-likelihood.

python -m experiments.log-z.mnist [--data ../shared/data] [--budget 280]
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np

import ebm


def load(folder: Path) -> tuple[ebm.RBM, np.ndarray, np.ndarray]:
    """The machine, training rows and test rows."""
    own = np.load(folder / "rbm_mnist_784x500.npz", allow_pickle=False)
    data = np.load(folder / "mnist_binarized_sm08.npz", allow_pickle=False)
    rows = [np.unpackbits(data[f"X_{part}_packed"], axis=1)[:, :784] for part in ("train", "test")]
    params = (own[key].astype(np.float32) for key in "Wbc")  # as W is in the file; the biases are wider
    return ebm.RBM(ebm.Bernoulli(), ebm.Bernoulli(), *params), *rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--budget", type=float, default=280.0)
    parser.add_argument("--accuracy", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    machine, train, test = load(options.data)
    begun = time.monotonic()

    def say(share: float, text: str = "") -> None:
        if text:
            print(f"{time.monotonic() - begun:6.1f} s  {text}", flush=True)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = ebm.log_z(
            machine,
            data=train,
            seed=options.seed,
            accuracy=options.accuracy,
            budget=options.budget,
            progress=say,
        )
    print("\n| estimator | log Z | ± | against it |\n|---|---|---|---|")
    for name, e in found.estimates.items():
        print(f"| {name} | {e['value']:.3f} | {e['stderr']:.3f} | {e['trouble']} |")
    each = ebm.log_likelihood(machine, test, found)
    print(
        f"\nlog Z = {found}; {found.reason}; lower bound {found.lower:.3f}; {time.monotonic() - begun:.0f} s"
    )
    print(f"test log-likelihood {each.mean():.3f} ± {found.stderr:.3f} nats per row ({len(each)} rows)")


if __name__ == "__main__":
    main()
