"""A quadratic function with penalties that have corners, minimised group by group.

Blocks of a group lasso move by steps of proximal gradient (Yuan & Lin, "Model selection and estimation in
regression with grouped variables" 2006), single numbers to their minimum at once.
"""

import math

import numpy as np
from numba import njit

from ebm.kernels import JIT

_ROUNDS, _WITHIN = 10_000, 50


@njit(**JIT)
def _move(H, k, move, d, slope):
    """Add to one number, and to the slopes of all."""
    d[k] += move
    row = H[k]
    for m in range(len(slope)):
        slope[m] += move * row[m]


@njit(**JIT)
def descend_groups(H, g, theta, order, ends, groups, l1, tolerance, d):
    """Minimise g·d + ½ d·H d + Σ l1 |θ + d| + Σ_groups strength·|(θ + d)_group| over d.

    H : (n, n) float64, symmetric; g, theta, l1 : (n,) float64
    order : (n,) int64, numbers of one group side by side; ends : (k + 1,) int64, where groups end
    groups : (k,) float64, their strengths; of a group with one l1 is 0
    tolerance : float64, of the largest move of a round
    d : (n,) float64, zero; the minimum
    Returns the number of rounds.
    """
    slope = g.copy()
    for round in range(_ROUNDS):
        most = 0.0
        for k in range(len(groups)):
            first, last = ends[k], ends[k + 1]
            if groups[k] == 0.0:
                for place in range(first, last):
                    j = order[place]
                    bend = H[j, j]
                    if bend <= 0.0:
                        continue
                    aim = theta[j] + d[j] - slope[j] / bend
                    new = math.copysign(max(abs(aim) - l1[j] / bend, 0.0), aim)
                    move = new - theta[j] - d[j]
                    if move != 0.0:
                        _move(H, j, move, d, slope)
                        most = max(most, abs(move))
                continue
            top = 0.0  # no eigenvalue of the block is larger
            for place in range(first, last):
                total = 0.0
                for other in range(first, last):
                    total += abs(H[order[place], order[other]])
                top = max(top, total)
            if top <= 0.0:
                continue
            for _ in range(_WITHIN):
                norm = 0.0
                for place in range(first, last):
                    j = order[place]
                    norm += (theta[j] + d[j] - slope[j] / top) ** 2
                norm = math.sqrt(norm)
                share = 0.0 if norm <= groups[k] / top else 1.0 - groups[k] / (top * norm)
                moved = 0.0
                aims = np.empty(last - first)
                for place in range(first, last):
                    j = order[place]
                    aims[place - first] = share * (theta[j] + d[j] - slope[j] / top) - theta[j] - d[j]
                for place in range(first, last):
                    if aims[place - first] != 0.0:
                        _move(H, order[place], aims[place - first], d, slope)
                        moved = max(moved, abs(aims[place - first]))
                most = max(most, moved)
                if moved < tolerance:
                    break
        if most < tolerance:
            return round + 1
    return _ROUNDS
