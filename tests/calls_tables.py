"""Valid calls of what is public for tables, as in `calls`."""

import numpy as np

import ebm
from ebm.table.columns import Binary, Real

DATA = {"ill": ["no", "yes"] * 20, "fever": [37.0, 39.0, 37.5, 39.5] * 10}
TABLE = ebm.Table((Binary("ill", ("no", "yes")), Real("fever", 38.0, 1.0)))


def call(**arguments):
    """The arguments of a call."""
    return arguments


TABLES = {
    "Table": call(columns=TABLE.columns, missing=("", "NA"), notes={}),
    "Table.from_frame": call(data=DATA, types={"ill": "binary"}, unseen="refuse", missing=("", "NA")),
    "impute": call(
        machine=ebm.RBM.random(ebm.Bernoulli(), ebm.Bernoulli(), 2, 2, dtype="float64"),
        rows=np.array([[1.0, np.nan], [0.0, 1.0]]),
        n=1,
        n_sweeps=2,
        seed=0,
    ),
    "TableModel": call(
        machine=ebm.RBM.random(TABLE.units, ebm.Bernoulli(), 2, 2, dtype="float64"),
        table=TABLE,
        log_z=1.0,
        target="ill",
    ),
    "TableModel.fit": call(
        data=DATA, n_hidden=2, types={"ill": "binary"}, unseen="refuse", missing=("", "NA"), table=TABLE,
        rule=ebm.PCD(n_chains=10), optimiser=ebm.SGD(0.01), epochs=1, batch_size=20, seed=0, progress=False,
    ),
}  # fmt: skip
