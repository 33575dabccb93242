"""Scores without training, against computations that share nothing with them."""

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn

from blockdsl.nas import objectives
from blockdsl.nas.objectives.proxies import PROXIES, grad_norm, jacob_cov, macs, naswot, params, synflow, zen

LABELS = torch.tensor([0, 1, 2, 1, 0, 2])


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def two_layers(*, bias: bool = True, relu: bool = True) -> nn.Sequential:
    middle = [nn.ReLU()] if relu else []
    return nn.Sequential(nn.Linear(4, 5, bias=bias), *middle, nn.Linear(5, 3, bias=bias))


def test_names_are_those_of_objectives() -> None:
    assert tuple(PROXIES) == objectives.PROXIES


@pytest.mark.parametrize("name", PROXIES)
def test_a_module_stays_as_it_is(name: str) -> None:
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))
    before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    assert math.isfinite(PROXIES[name](module, torch.randn(6, 1, 4, 4), LABELS))
    assert all(torch.equal(tensor, before[key]) for key, tensor in module.state_dict().items())
    assert all(p.grad is None for p in module.parameters())


def test_sizes() -> None:
    # 3x3 windows over 6x6 give 4x4 places: 16 * 8 * 9 * 2 multiply-adds, and 16 * 8 * 3 in the head.
    module = nn.Sequential(nn.Conv2d(2, 8, 3, bias=False), nn.Flatten(), nn.Linear(8 * 16, 3, bias=False))
    x = torch.randn(6, 2, 6, 6)
    assert params(module, x, LABELS) == 2 * 8 * 9 + 8 * 16 * 3
    assert macs(module, x, LABELS) == 16 * 8 * 9 * 2 + 8 * 16 * 3


def test_synflow_is_the_sum_over_paths() -> None:
    """Tanaka et al. (2020), equation 2: every layer's flow is the sum over paths of products of |w|."""
    module = two_layers(bias=False)
    first, second = (layer.weight.abs().tolist() for layer in module if isinstance(layer, nn.Linear))
    paths = sum(first[h][i] * second[o][h] for i, h, o in itertools.product(range(4), range(5), range(3)))
    layers = 2
    assert synflow(module, torch.randn(6, 4), LABELS) == pytest.approx(math.log(layers * paths), rel=1e-6)


def test_grad_norm_by_hand() -> None:
    """Softmax regression: dL/dW = (p - y)^T x / n, dL/db = mean(p - y)."""
    module, x = nn.Linear(4, 3), torch.randn(6, 4)
    logits = (x @ module.weight.T + module.bias).detach().double().numpy()
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    wrong = (shares - np.eye(3)[LABELS.numpy()]) / len(LABELS)
    squares = np.square(wrong.T @ x.double().numpy()).sum() + np.square(wrong.sum(0)).sum()
    assert grad_norm(module, x, LABELS) == pytest.approx(math.sqrt(squares), rel=1e-5)


def test_naswot_counts_equal_codes() -> None:
    """Mellor et al. (2021), section 3: K[i, j] is the number of units less the codes' Hamming distance."""
    module, x = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3)), torch.randn(6, 4)
    codes = (module[0](x) > 0).tolist()
    kernel = [[sum(a == b for a, b in zip(one, other, strict=True)) for other in codes] for one in codes]
    assert np.linalg.det(kernel) != 0
    assert naswot(module, x, LABELS) == pytest.approx(math.log(abs(np.linalg.det(kernel))), rel=1e-6)


def test_naswot_of_inputs_that_are_not_told_apart() -> None:
    x = torch.randn(1, 4).repeat(6, 1)
    assert naswot(two_layers(), x, LABELS) == -math.inf
    assert naswot(two_layers(relu=False), x, LABELS) == 0


def test_jacob_cov_of_equal_jacobians() -> None:
    """A linear network has one Jacobian: all correlations are 1, with the eigenvalues n, 0, 0, …"""
    n, k = len(LABELS), 1e-5
    expected = -(math.log(n + k) + 1 / (n + k)) - (n - 1) * (math.log(k) + 1 / k)
    assert jacob_cov(two_layers(relu=False), torch.randn(n, 4), LABELS) == pytest.approx(expected, rel=1e-6)


def test_jacob_cov_by_forward_differences() -> None:
    module, x = two_layers().double(), torch.randn(6, 4, dtype=torch.float64)
    step = 1e-7
    rows = [
        [
            ((module(row + step * side).sum() - module(row).sum()) / step).item()
            for side in torch.eye(4).double()
        ]
        for row in x
    ]
    values = np.linalg.eigvalsh(np.corrcoef(rows))
    # Six Jacobians of four inputs: the two smallest eigenvalues are 0, and weigh the most.
    expected = -sum(math.log(max(v, 0) + 1e-5) + 1 / (max(v, 0) + 1e-5) for v in values)
    assert jacob_cov(module, x, LABELS) == pytest.approx(expected, rel=1e-3)


def test_zen_grows_with_scale_and_width() -> None:
    """Lin et al. (2021), section 3: an expectation of a norm, and so linear in the last features' weights."""
    x = torch.randn(6, 2, 8, 8)
    one = nn.Conv2d(2, 4, 3, bias=False)
    head = nn.Linear(4 * 36, 3)
    base = zen(nn.Sequential(one, nn.Flatten(), head), x, LABELS)
    three, twice = nn.Conv2d(2, 4, 3, bias=False), nn.Conv2d(2, 8, 3, bias=False)
    with torch.no_grad():
        three.weight.copy_(3 * one.weight)
        twice.weight.copy_(torch.cat([one.weight, one.weight]))
    scaled = zen(nn.Sequential(three, nn.Flatten(), head), x, LABELS)
    wider = zen(nn.Sequential(twice, nn.Flatten(), nn.Linear(8 * 36, 3)), x, LABELS)
    assert scaled - base == pytest.approx(math.log(3), abs=1e-4)
    assert wider - base == pytest.approx(math.log(2), abs=1e-4)


def test_zen_adds_what_a_batch_norm_takes_away() -> None:
    """Section 3.2: the norm divides by the deviation, whose logarithm is added again."""
    x = torch.randn(6, 2, 8, 8)
    one = nn.Conv2d(2, 1, 3, bias=False)
    plain = zen(nn.Sequential(one, nn.Flatten(), nn.Linear(36, 3)), x, LABELS)
    normed = nn.Sequential(one, nn.BatchNorm2d(1, eps=1e-12), nn.Flatten(), nn.Linear(36, 3))
    # Not quite: the moved inputs are normed by their own deviation, of which a hundredth is new.
    assert zen(normed, x, LABELS) == pytest.approx(plain, abs=0.02)
