"""Data to learn from, and couplings to sample.

A *data table* (`Digits`, `MNIST`, `Diabetes`, `BarsAndStripes`, `Encoder`, `Shifter`, `LSAT`, `RNAFamily`,
`File`) is a frozen set of settings with one method, ``load() -> Data``; a run's ``[data]`` table builds it by
name. A *coupling generator* (`sk`, `lattice`, `random_regular`, `from_edges`) returns the symmetric J of
E(x) = -b·x - ½ x·J·x, with zero diagonal, and leaves the choice of machine to the caller. A *graph* for
Max-Cut comes from `read_gset`: the matrix W of its weights, whose heaviest cut is the ground state of the
Ising machine with J = -W; `cut_value` is the weight of a cut. An `Alignment` of sequences comes from
`read_fasta`. Nothing here is unpickled, and nothing downloaded but `MNIST` without a path.
"""

from ebm.datasets.alignment import Alignment, encoded
from ebm.datasets.couplings import from_edges, lattice, random_regular, sk
from ebm.datasets.fasta import read_fasta, write_fasta
from ebm.datasets.files import File
from ebm.datasets.gset import cut_value, read_gset
from ebm.datasets.lsat import LSAT
from ebm.datasets.mnist import MNIST, read_idx
from ebm.datasets.reading import read_array
from ebm.datasets.rna import RNAFamily
from ebm.datasets.tables import (
    BarsAndStripes,
    Data,
    DataSet,
    Diabetes,
    Digits,
    Encoder,
    LabelledData,
    Shifter,
)

__all__ = [
    "LSAT",
    "MNIST",
    "Alignment",
    "BarsAndStripes",
    "Data",
    "DataSet",
    "Diabetes",
    "Digits",
    "Encoder",
    "File",
    "LabelledData",
    "RNAFamily",
    "Shifter",
    "cut_value",
    "encoded",
    "from_edges",
    "lattice",
    "random_regular",
    "read_array",
    "read_fasta",
    "read_gset",
    "read_idx",
    "sk",
    "write_fasta",
]
