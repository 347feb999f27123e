"""Exact transforms: the same distribution as another machine.

Each takes a machine, leaves it alone, and returns a `Transformed`: a machine in float64 and the number by
which log Z moved, docs/math.md (18.1). So what is easy for one form serves the other: log Z of a Hopfield
network by an RBM's exact sum, samples of a lattice gas by those of spins, answers of others in our units.

Those of `TRANSFORMS` need no arrays beside the machine; the command line, too, finds them there by name.
"""

from collections.abc import Callable

from ebm.transforms.couplings import EffectiveCouplings, effective_couplings
from ebm.transforms.layers import to_fully_connected, to_rbm, turned
from ebm.transforms.recoding import flipped, to_bernoulli, to_ising, to_potts
from ebm.transforms.result import Transformed
from ebm.transforms.sums import conditioned, summed_out
from ebm.transforms.whole import absorbed, merged, zero_summed

__all__ = [
    "TRANSFORMS",
    "EffectiveCouplings",
    "Transformed",
    "absorbed",
    "conditioned",
    "effective_couplings",
    "flipped",
    "merged",
    "summed_out",
    "to_bernoulli",
    "to_fully_connected",
    "to_ising",
    "to_potts",
    "to_rbm",
    "turned",
    "zero_summed",
]

# One more is its function, which takes a machine and numbers by name, and a line here.
TRANSFORMS: dict[str, Callable[..., Transformed]] = {
    "bernoulli": to_bernoulli,
    "ising": to_ising,
    "potts": to_potts,
    "fully_connected": to_fully_connected,
    "rbm": to_rbm,
    "turned": turned,
    "zero_sum": zero_summed,
    "absorbed": absorbed,
}
