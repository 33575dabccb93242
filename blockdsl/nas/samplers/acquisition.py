"""What a candidate is worth measuring: expected improvement, of one objective or of a front."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.special import erfcx
from scipy.stats import norm

from blockdsl.nas.samplers.archive import Array


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


def hypervolume_gain(points: Sequence[Array], front: Array, reference: Array) -> Array:
    """How much the hypervolume above a reference would grow by each point; larger is better in all goals.

    Args:
        points: for each goal its values; together they broadcast to the shape of the result.
        front: measured points x goals.
        reference: the worst of each goal.

    The space is cut into slabs at the front's levels of the last goal; in a slab the gain is that of
    the other goals, over the part of the front that reaches through it (Emmerich et al. 2006).
    """
    lowest = float(reference[-1])
    if len(points) == 1:
        return np.asarray(np.maximum(points[0] - front.max(initial=lowest), 0.0))
    front = front[(front > reference).all(axis=1)]
    levels = [lowest, *np.unique(front[:, -1]), np.inf]
    gain = np.zeros(np.broadcast_shapes(*(p.shape for p in points)))
    for low, high in pairwise(levels):
        through = front[front[:, -1] >= high]
        thickness = np.clip(points[-1], low, high) - low
        gain += thickness * hypervolume_gain(points[:-1], through[:, :-1], reference[:-1])
    return gain


def nodes(goals: int) -> tuple[Array, Array]:
    """Gauss-Hermite nodes and weights for so many independent normal variables: nodes x goals, nodes."""
    if not goals:
        return np.zeros((1, 0)), np.ones(1)
    at, weights = np.polynomial.hermite_e.hermegauss({1: 8, 2: 5}.get(goals, 3))
    grid, shares = (
        np.stack(np.meshgrid(*[values] * goals, indexing="ij"), axis=-1).reshape(-1, goals)
        for values in (at, weights / weights.sum())
    )
    return grid, shares.prod(axis=1)


def nondominated(points: Array) -> Array:
    """The points that no other one reaches in all goals, without repeats: points x goals, more is better."""
    points = np.unique(points, axis=0)
    reached = (points[None, :, :] >= points[:, None, :]).all(axis=2)
    return np.asarray(points[reached.sum(axis=1) == 1])
