"""The model under the sampler against independent computations."""

from __future__ import annotations

import numpy as np
import pytest
from optuna._hypervolume import compute_hypervolume
from scipy.optimize import check_grad
from scipy.stats import multivariate_normal, norm

from blockdsl.nas.samplers.acquisition import (
    hypervolume_gain,
    log_expected_improvement,
    nodes,
    nondominated,
)
from blockdsl.nas.samplers.archive import squared_distances
from blockdsl.nas.samplers.regression import (
    JITTER,
    PRIOR_DEVIATION,
    PRIOR_MEAN,
    Distances,
    GaussianProcess,
    _negative_log_posterior,
    covariance,
)
from blockdsl.nas.samplers.warp import Warp

RNG = np.random.default_rng(0)


def distances(one: np.ndarray, other: np.ndarray) -> Distances:
    parts = [squared_distances(one[:, [i]], other[:, [i]]) for i in range(5)]
    return Distances(*parts)


@pytest.fixture
def points() -> np.ndarray:
    return RNG.normal(size=(12, 5))


def test_squared_distances_are_those_of_a_loop(points: np.ndarray) -> None:
    slow = [[sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) for y in points[:4]] for x in points]
    assert np.allclose(squared_distances(points, points[:4]), slow)


def test_the_kernel_is_the_formula_of_its_page(points: np.ndarray) -> None:
    theta = PRIOR_MEAN + 0.1 * np.arange(9)
    v1, v2, v3, l1, l2, l3, l4, l5, _ = np.exp(theta)
    a, b = points[0], points[1]
    d = (a - b) ** 2
    r = np.sqrt(5 * d[2]) / l3
    expected = (
        v1 * np.exp(-d[0] / l1) + v2 * np.exp(-d[1] / (2 * l2**2)) + v3 * (1 + r + r**2 / 3) * np.exp(-r)
    ) * np.exp(-d[3] / (2 * l4**2) - d[4] / (2 * l5**2))
    assert covariance(distances(points[:1], points[1:2]), theta)[0, 0] == pytest.approx(expected)


def test_covariances_are_positive_definite(points: np.ndarray) -> None:
    assert np.linalg.eigvalsh(covariance(distances(points, points), PRIOR_MEAN)).min() > 0


def test_the_posterior_is_that_of_the_joint_density(points: np.ndarray) -> None:
    targets = RNG.normal(size=12)
    theta = PRIOR_MEAN + RNG.normal(size=9) * 0.3
    among = distances(points, points)
    noisy = covariance(among, theta) + (np.exp(theta[8]) + JITTER) * np.eye(12)
    density = multivariate_normal(np.zeros(12), noisy).logpdf(targets)
    prior = norm(PRIOR_MEAN, PRIOR_DEVIATION).logpdf(theta).sum()
    # The two leave out constants: compare differences from another parameter.
    other = theta + 0.2
    noisy2 = covariance(among, other) + (np.exp(other[8]) + JITTER) * np.eye(12)
    density2 = multivariate_normal(np.zeros(12), noisy2).logpdf(targets)
    prior2 = norm(PRIOR_MEAN, PRIOR_DEVIATION).logpdf(other).sum()
    ours = (
        _negative_log_posterior(theta, among, targets)[0] - _negative_log_posterior(other, among, targets)[0]
    )
    assert ours == pytest.approx(density2 + prior2 - density - prior)


def test_gradients_are_those_of_differences(points: np.ndarray) -> None:
    targets = RNG.normal(size=12)
    among = distances(points, points)
    off = check_grad(
        lambda t: _negative_log_posterior(t, among, targets)[0],
        lambda t: _negative_log_posterior(t, among, targets)[1],
        PRIOR_MEAN + RNG.normal(size=9) * 0.3,
    )
    assert off < 1e-4


def test_predictions_are_those_of_conditioning(points: np.ndarray) -> None:
    """Rasmussen & Williams 2006, equations 2.23 and 2.24, by an explicit inverse."""
    targets = RNG.normal(size=12)
    model = GaussianProcess()
    model.fit(distances(points, points), targets, iterations=0)
    new = RNG.normal(size=(3, 5))
    mean, deviation = model.predict(distances(new, points))
    prior = covariance(distances(points, points), model.theta)
    inverse = np.linalg.inv(prior + (np.exp(model.theta[8]) + JITTER) * np.eye(12))
    cross = covariance(distances(new, points), model.theta)
    normalised = (targets - targets.mean()) / targets.std()
    assert np.allclose(mean, cross @ inverse @ normalised * targets.std() + targets.mean())
    own = np.diag(covariance(distances(new, new), model.theta))
    variance = own - np.einsum("ij,jk,ik->i", cross, inverse, cross)
    assert np.allclose(deviation, np.sqrt(variance) * targets.std())


def test_it_learns_a_function_it_can_express() -> None:
    x = RNG.uniform(-2, 2, size=(60, 5))
    values = np.sin(x[:, 1]) + 0.5 * x[:, 2]
    model = GaussianProcess()
    model.fit(distances(x[:50], x[:50]), values[:50], iterations=30)
    mean, _ = model.predict(distances(x[50:], x[:50]))
    assert np.abs(mean - values[50:]).max() < 0.3


@pytest.mark.parametrize("z", [-40.0, -26.0, -8.0, -3.0, -1.01, -0.99, 0.0, 2.0])
def test_log_expected_improvement_against_quadrature(z: float) -> None:
    """E[max(f - best, 0)] for f ~ N(z, 1), best = 0, integrated; far out by its asymptotic series."""
    from scipy.integrate import quad

    if z > -20:
        integral, _ = quad(lambda t: t * norm.pdf(t - z), 0, max(0.0, z) + 12, epsabs=0, epsrel=1e-12)
        expected = np.log(integral)
    else:
        expected = norm.logpdf(z) - 2 * np.log(-z) + np.log(1 - 3 / z**2 + 15 / z**4)
    ours = log_expected_improvement(np.array([z]), np.array([1.0]), 0.0)[0]
    assert ours == pytest.approx(expected, abs=6e-3 if z < -20 else 1e-6)


def test_more_is_expected_of_a_better_and_of_a_less_certain_candidate() -> None:
    better = log_expected_improvement(np.array([0.0, 0.5, 0.0]), np.array([1.0, 1.0, 2.0]), 1.0)
    assert better[1] > better[0]
    assert better[2] > better[0]


def test_what_none_reaches_is_kept() -> None:
    points = RNG.uniform(size=(40, 3)).round(1)
    kept = {tuple(p) for p in points if not any((q >= p).all() and (q > p).any() for q in points)}
    found = [tuple(p) for p in nondominated(points)]
    assert set(found) == kept
    assert len(found) == len(kept)


@pytest.mark.parametrize("goals", [1, 2, 3, 4])
def test_hypervolume_gain_against_optunas_hypervolume(goals: int) -> None:
    """The gain of a point is the hypervolume with it less the one without it (there: less is better)."""
    front, points = RNG.uniform(size=(9, goals)), RNG.uniform(size=(30, goals))
    reference = np.full(goals, 0.1)
    gain = hypervolume_gain(list(points.T), front, reference)

    def volume(reached: np.ndarray) -> float:
        inside = reached[(reached > reference).all(axis=1)]
        return compute_hypervolume(-inside, -reference) if len(inside) else 0.0

    expected = [volume(np.vstack([front, point])) - volume(front) for point in points]
    assert np.allclose(gain, expected, atol=1e-12)
    assert max(expected) > 0


def test_expected_gain_is_the_mean_of_gains() -> None:
    """A known cost, and a value of which only mean and deviation are known."""
    front, reference = np.array([[0.3, -0.2], [0.6, -0.5]]), np.array([0.0, -1.0])
    at, weights = nodes(1)
    ours = hypervolume_gain([0.55 + 0.1 * at[:, 0], np.array([-0.3])], front, reference) @ weights
    draws = RNG.normal(0.55, 0.1, size=200_000)
    sampled = 0.2 * np.maximum(draws - 0.3, 0) + 0.5 * np.maximum(draws - 0.6, 0)
    assert ours == pytest.approx(sampled.mean(), rel=0.05)


@pytest.mark.parametrize("goals", [1, 2, 3])
def test_nodes_are_exact_for_low_moments(goals: int) -> None:
    at, weights = nodes(goals)
    assert weights.sum() == pytest.approx(1.0)
    assert np.allclose(weights @ at, 0.0)
    assert np.allclose((at * weights[:, None]).T @ at, np.eye(goals))


def test_a_share_is_warped_and_comes_back() -> None:
    scores = np.array([0.1, 0.5, 0.9, 0.95, 1.0])
    warp = Warp(scores)
    targets = warp.forward(scores)
    assert (np.diff(targets) > 0).all()
    assert np.allclose(warp.backward(targets), scores)
    halves = warp.forward(np.array([0.90, 0.95, 0.975]))
    assert halves[1] - halves[0] == pytest.approx(halves[2] - halves[1], rel=0.01)


def test_other_scores_keep_their_order() -> None:
    scores = np.sort(RNG.lognormal(sigma=3, size=30))
    assert (np.diff(Warp(scores).forward(scores)) > 0).all()
