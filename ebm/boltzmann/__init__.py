"""The fully connected Boltzmann machine: its Hamiltonian and its Gibbs sweeps.

E(x) = −b·φ(x) − ½ φ(x)·J·φ(x), docs/math.md (3.1), with J symmetric and zero on the diagonal (Potts: zero
diagonal blocks), dense or scipy.sparse; Bernoulli, Ising or Potts units, the first n_visible of them visible
and the others hidden (Ackley, Hinton & Sejnowski 1985). The state is x = all units. J_ij and J_ji are one
parameter.
"""

from ebm.boltzmann.machine import BoltzmannMachine

__all__ = ["BoltzmannMachine"]
