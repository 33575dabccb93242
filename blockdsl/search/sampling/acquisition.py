"""What a candidate is worth measuring: expected improvement, of one objective or of a front."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import erfcx
from scipy.stats import norm

from blockdsl.search.sampling.book import Array

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(8)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


def log_expected_improvement(mean: Array, deviation: Array, best: float) -> Array:
    """Logarithm of E[max(f - best, 0)], exact far below `best` too (Ament et al. 2023, equation 9)."""
    z = (mean - best) / deviation
    direct = norm.pdf(z) + z * norm.cdf(z)
    # Below, pdf(z) + z cdf(z) cancels; erfcx(x) = exp(x^2) erfc(x) keeps what is left.
    tail = 1.0 + z * np.sqrt(np.pi / 2.0) * erfcx(-z / np.sqrt(2.0))
    log_tail = -0.5 * z * z - 0.5 * np.log(2.0 * np.pi) + np.log(np.maximum(tail, 1e-300))
    far = -0.5 * z * z - 0.5 * np.log(2.0 * np.pi) - 2.0 * np.log(np.maximum(-z, 1.0))
    value = np.where(z > -1.0, np.log(np.maximum(direct, 1e-300)), np.where(z > -25.0, log_tail, far))
    return np.asarray(value + np.log(deviation))


def expected_hypervolume_gain(
    values: Array, costs: Array, front: Sequence[tuple[float, float]], worst_cost: float, worst: float
) -> Array:
    """Expected growth of the hypervolume of (value up, cost down) for candidates of known cost.

    Args:
        values: possible values of each candidate at the nodes of `quantiles`, candidates x nodes.
        costs: the candidates' exact costs.
        front: (cost, value) of the front, both rising.
        worst_cost, worst: the reference point.

    The front is a staircase; a candidate of cost c and value a adds, over each step from c on, the
    step's width times what a is above it (Yang et al. 2019, for one known objective).
    """
    edges = np.array([-np.inf, *(cost for cost, _ in front), worst_cost])
    levels = np.array([worst, *(value for _, value in front)])
    gain = np.zeros(len(costs))
    for left, right, level in zip(edges[:-1], edges[1:], levels, strict=True):
        width = np.maximum(right - np.maximum(left, costs), 0.0)
        gain += width * (np.maximum(values - level, 0.0) @ _WEIGHTS)
    return gain


def quantiles(mean: Array, deviation: Array) -> Array:
    """Values of normal variables at the nodes of Gauss-Hermite quadrature, variables x 8."""
    return np.asarray(mean[:, None] + deviation[:, None] * _NODES)


def staircase(costs: Array, values: Array) -> list[tuple[float, float]]:
    """The points that none other beats in both, by rising cost (and so rising value)."""
    front: list[tuple[float, float]] = []
    for index in np.lexsort((-values, costs)):
        if not front or values[index] > front[-1][1]:
            front.append((float(costs[index]), float(values[index])))
    return front
