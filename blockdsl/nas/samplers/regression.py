"""An exact Gaussian process over networks (Rasmussen & Williams 2006, chapters 2 and 5).

The kernel is a sum over what two networks share in their choices, their costs and their form, times
what they share in training settings and fidelity:

    k = (v1 exp(-D_choices / l1) + v2 exp(-D_costs / 2 l2^2) + v3 Matern52(D_form / l3))
        * exp(-D_training / 2 l4^2) * exp(-D_fidelity / 2 l5^2)

Its parameters and the noise are found by marginal likelihood, with a weak log-normal prior.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize

from blockdsl.nas.samplers.archive import Array

# log of: variances (choices, costs, form), lengths (choices, costs, form, training, fidelity), noise
PRIOR_MEAN = np.log([0.5, 0.5, 0.5, 0.5, 1.5, 2.0, 0.7, 1.5, 0.05])
PRIOR_DEVIATION = np.array([1.0, 1.0, 1.0, 0.7, 0.7, 0.7, 0.7, 0.7, 1.2])
JITTER = 1e-6


@dataclass(frozen=True)
class Distances:
    """Squared distances between two sets of candidates, each of about 1 on the whole."""

    choices: Array
    costs: Array
    form: Array
    training: Array
    fidelity: Array


@dataclass(frozen=True)
class _Parts:
    """The kernel's summands and its factor."""

    choices: Array
    costs: Array
    form: Array
    decay: Array
    root: Array
    factor: Array

    @staticmethod
    def of(distances: Distances, v: Array) -> _Parts:
        root = np.sqrt(5.0 * distances.form) / v[5]
        decay = v[2] * np.exp(-root)
        return _Parts(
            choices=v[0] * np.exp(-distances.choices / v[3]),
            costs=v[1] * np.exp(-0.5 * distances.costs / v[4] ** 2),
            form=decay * (1.0 + root + root * root / 3.0),
            decay=decay,
            root=root,
            factor=np.exp(-0.5 * (distances.training / v[6] ** 2 + distances.fidelity / v[7] ** 2)),
        )

    @property
    def covariance(self) -> Array:
        return (self.choices + self.costs + self.form) * self.factor


def covariance(distances: Distances, theta: Array) -> Array:
    """The kernel's values."""
    return _Parts.of(distances, np.exp(theta)).covariance


def derivatives(distances: Distances, theta: Array) -> tuple[Array, list[Array]]:
    """The kernel's values, and their derivatives by the logarithms of its eight parameters."""
    v = np.exp(theta)
    k = _Parts.of(distances, v)
    total = k.covariance
    return total, [
        k.choices * k.factor,
        k.costs * k.factor,
        k.form * k.factor,
        k.choices * distances.choices / v[3] * k.factor,
        k.costs * distances.costs / v[4] ** 2 * k.factor,
        k.decay * k.root * k.root * (1.0 + k.root) / 3.0 * k.factor,
        total * distances.training / v[6] ** 2,
        total * distances.fidelity / v[7] ** 2,
    ]


class GaussianProcess:
    """Regression of warped scores on networks; parameters are kept from fit to fit."""

    def __init__(self) -> None:
        self.theta: Array = PRIOR_MEAN.copy()

    def fit(self, distances: Distances, targets: Array, *, iterations: int) -> None:
        """Fit to targets (standardised here) given the distances among them."""
        self.mean, self.scale = float(targets.mean()), float(targets.std()) or 1.0
        normalised = (targets - self.mean) / self.scale
        found = minimize(
            _negative_log_posterior,
            self.theta,
            args=(distances, normalised),
            jac=True,
            method="L-BFGS-B",
            bounds=[(m - 4.0, m + 4.0) for m in PRIOR_MEAN],
            options={"maxiter": iterations},
        )
        self.theta = np.asarray(found.x)
        self.factor = cholesky(_noisy(covariance(distances, self.theta), self.theta), lower=True)
        self.weights = cho_solve((self.factor, True), normalised)

    def predict(self, distances: Distances) -> tuple[Array, Array]:
        """Mean and deviation of the noiseless target, for distances of new rows x fitted columns."""
        shared = covariance(distances, self.theta)
        mean = shared @ self.weights
        explained = solve_triangular(self.factor, shared.T, lower=True)
        variance = np.exp(self.theta[:3]).sum() - np.square(explained).sum(axis=0)
        deviation = np.sqrt(np.maximum(variance, 1e-10))
        return mean * self.scale + self.mean, deviation * self.scale

    @property
    def noise(self) -> float:
        """Deviation of the noise of one measurement, in the targets' unit."""
        return float(np.exp(0.5 * self.theta[8]) * self.scale)


def _noisy(covariances: Array, theta: Array) -> Array:
    covariances[np.diag_indices_from(covariances)] += np.exp(theta[8]) + JITTER
    return covariances


def _negative_log_posterior(theta: Array, distances: Distances, targets: Array) -> tuple[float, Array]:
    """And its gradient (Rasmussen & Williams 2006, equations 5.8 and 5.9)."""
    total, gradients = derivatives(distances, theta)
    factor = cholesky(_noisy(total, theta), lower=True)
    weights = cho_solve((factor, True), targets)
    inverse = cho_solve((factor, True), np.eye(len(targets)))
    off = (theta - PRIOR_MEAN) / PRIOR_DEVIATION
    value = 0.5 * targets @ weights + np.log(np.diag(factor)).sum() + 0.5 * off @ off
    outer = np.outer(weights, weights) - inverse
    slope = [-0.5 * np.sum(outer * gradient) for gradient in gradients]
    slope.append(-0.5 * np.exp(theta[8]) * np.trace(outer))
    return float(value), np.asarray(slope) + off / PRIOR_DEVIATION
