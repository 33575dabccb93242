"""Losses against their formulas, optimizers and schedules against torch's own."""

import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn, optim

from blockdsl.recipe import Recipe, terms, terms_of
from blockdsl.training.loss import make_loss, probabilities
from blockdsl.training.optim import limit_filters, make_average, make_optimizer, rate_factor

Y = torch.tensor([[2.0, 0.5, 1.0], [0.1, 3.0, 0.2]], dtype=torch.float64)
LABELS = torch.tensor([2, 1])


def test_nll_of_probabilities_is_cross_entropy_of_logits():
    expected = F.cross_entropy(Y, LABELS)
    assert torch.allclose(make_loss(terms.Nll())(Y.softmax(1), LABELS), expected)
    assert torch.allclose(make_loss(terms.CrossEntropy())(Y, LABELS), expected)


def test_label_smoothing_spreads_its_share_evenly():
    shares = F.one_hot(LABELS, 3) * 0.9 + 0.1 / 3
    expected = -(shares * Y.log_softmax(1)).sum(1).mean()
    assert torch.allclose(make_loss(terms.CrossEntropy(label_smoothing=0.1))(Y, LABELS), expected)


def test_squared_error_against_high_and_low():
    expected = ((2 + 1) ** 2 + (0.5 + 1) ** 2 + 0 + (0.1 + 1) ** 2 + (3 - 1) ** 2 + (0.2 + 1) ** 2) / 2
    assert float(make_loss(terms.Mse(high=1, low=-1))(Y, LABELS)) == pytest.approx(expected)


def test_rbf_is_equation_9_of_lenet():
    j, expected = 0.7, 0.0
    for row, label in zip(Y.tolist(), LABELS.tolist(), strict=True):
        expected += (row[label] + math.log(math.exp(-j) + sum(math.exp(-d) for d in row))) / 2
    assert float(make_loss(terms.Rbf(rubbish=j))(Y, LABELS)) == pytest.approx(expected)
    assert probabilities(terms.Rbf(), Y).argmax(1).tolist() == [1, 0]  # the least distance


@pytest.mark.parametrize("name", list(terms_of("loss")))
def test_every_loss_takes_labels_and_shares_alike(name):
    term = terms_of("loss")[name]()
    y = Y.softmax(1)
    assert torch.allclose(make_loss(term)(y, LABELS), make_loss(term)(y, F.one_hot(LABELS, 3).double()))
    assert torch.allclose(probabilities(term, y).sum(1), torch.ones(2, dtype=torch.float64))


# --- optimizers ----------------------------------------------------------------------------


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))


PAIRS = [
    (
        terms.Sgd(lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
        lambda p: optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
    ),
    (
        terms.Adam(beta1=0.8, weight_decay=0.01),
        lambda p: optim.Adam(p, 1e-3, betas=(0.8, 0.999), weight_decay=0.01),
    ),
    (terms.Adamw(lr=0.01), lambda p: optim.AdamW(p, 0.01, weight_decay=0.01)),
    (
        terms.Rmsprop(lr=0.01, eps=1.0, momentum=0.9),
        lambda p: optim.RMSprop(p, 0.01, alpha=0.9, eps=1.0, momentum=0.9),
    ),
    (terms.Adagrad(), lambda p: optim.Adagrad(p, 0.01)),
]


def test_every_optimizer_is_compared():
    assert {type(term) for term, _ in PAIRS} == set(terms_of("optimizer").values())


@pytest.mark.parametrize(("term", "reference"), PAIRS)
def test_steps_are_those_of_torch(term, reference):
    ours, theirs = network(), network()
    optimizers = make_optimizer(ours, Recipe(optimizer=term)), reference(theirs.parameters())
    for _ in range(3):
        for module, optimizer in zip((ours, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            module(torch.ones(4, 1, 4, 4)).square().sum().backward()
            optimizer.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)


def test_biases_and_vectors_have_groups_of_their_own():
    recipe = Recipe(optimizer=terms.Sgd(lr=0.1, weight_decay=0.01), bias_lr=2.0, decay="weights")
    module = network()
    found = {}
    for group in make_optimizer(module, recipe).param_groups:
        for parameter in group["params"]:
            found[id(parameter)] = (group["lr"], group["weight_decay"])
    assert {name: found[id(p)] for name, p in module.named_parameters()} == {
        "0.weight": (0.1, 0.01),
        "0.bias": (0.2, 0.0),
        "1.weight": (0.1, 0.0),
        "1.bias": (0.2, 0.0),
        "3.weight": (0.1, 0.01),
        "3.bias": (0.2, 0.0),
    }


def test_frozen_parameters_are_left_out():
    module = network()
    module[0].requires_grad_(False)
    optimizer = make_optimizer(module, Recipe())
    assert sum(len(g["params"]) for g in optimizer.param_groups) == 4


# --- schedules -----------------------------------------------------------------------------

PER_EPOCH, TOTAL = 10, 100


def rates(schedule, warmup=None):
    factor = rate_factor(Recipe(schedule=schedule, warmup=warmup), PER_EPOCH, TOTAL)
    return [factor(step) for step in range(TOTAL)]


def torch_rates(make, every=1):
    """A scheduler of torch's, stepped once per `every` optimizer steps."""
    optimizer = optim.SGD([nn.Parameter(torch.zeros(1))], 1.0)
    scheduler, found = make(optimizer), []
    for step in range(TOTAL):
        if step and step % every == 0:
            optimizer.step()
            scheduler.step()
        found.append(optimizer.param_groups[0]["lr"])
    return found


REFERENCES = [
    (terms.Constant(), lambda o: optim.lr_scheduler.ConstantLR(o, 1.0), 1),
    (terms.Step(every=3), lambda o: optim.lr_scheduler.StepLR(o, 3), PER_EPOCH),
    (terms.Step(every=7, factor=0.5, by="iteration"), lambda o: optim.lr_scheduler.StepLR(o, 7, 0.5), 1),
    (terms.Steps(at=(3.0, 6.0)), lambda o: optim.lr_scheduler.MultiStepLR(o, [3, 6]), PER_EPOCH),
    (terms.Steps(at=(0.5, 0.75), by="run"), lambda o: optim.lr_scheduler.MultiStepLR(o, [50, 75]), 1),
    (
        terms.Exponential(factor=0.9, by="iteration"),
        lambda o: optim.lr_scheduler.ExponentialLR(o, 0.9),
        1,
    ),
    (terms.Poly(power=2.0), lambda o: optim.lr_scheduler.PolynomialLR(o, TOTAL, 2.0), 1),
    (terms.Cosine(), lambda o: optim.lr_scheduler.CosineAnnealingLR(o, TOTAL), 1),
    (terms.Cosine(floor=0.1), lambda o: optim.lr_scheduler.CosineAnnealingLR(o, TOTAL, 0.1), 1),
]


@pytest.mark.parametrize(("term", "make", "every"), REFERENCES)
def test_rates_are_those_of_torch(term, make, every):
    assert rates(term) == pytest.approx(torch_rates(make, every), abs=1e-9)


def test_piecewise_names_the_rates_themselves():
    recipe = Recipe(
        optimizer=terms.Sgd(lr=0.5), schedule=terms.Piecewise(rates=(0.5, 0.2, 0.1), at=(2.0, 5.0))
    )
    factor = rate_factor(recipe, PER_EPOCH, TOTAL)
    found = [0.5 * factor(step) for step in (0, 19, 20, 49, 50, 99)]
    assert found == pytest.approx([0.5, 0.5, 0.2, 0.2, 0.1, 0.1])


def test_warmups():
    held = rates(terms.Constant(), terms.Hold(length=4, factor=0.1, by="iteration"))
    assert held[:6] == pytest.approx([0.1] * 4 + [1.0] * 2)
    ramp = rates(terms.Constant(), terms.Ramp(length=0.5, start=0.5))  # half an epoch: 5 steps
    assert ramp[:6] == pytest.approx([0.6, 0.7, 0.8, 0.9, 1.0, 1.0])
    product = rates(terms.Cosine(), terms.Ramp(length=10, by="iteration"))
    assert product == pytest.approx([c * min(1, (i + 1) / 10) for i, c in enumerate(rates(terms.Cosine()))])


# --- weights -------------------------------------------------------------------------------


def test_the_average_follows_its_formula():
    module = nn.Linear(1, 1, bias=False)
    average = make_average(module, 0.5)
    value = None
    for count, weight in enumerate([3.0, 5.0, -2.0, 4.0, 1.0, 7.0, 2.0, 8.0, 9.0, 6.0]):
        nn.init.constant_(module.weight, weight)
        average.update_parameters(module)
        decay = min(0.5, (1 + count) / (10 + count))
        value = weight if value is None else decay * value + (1 - decay) * weight
        assert average.module.weight.item() == pytest.approx(value, rel=1e-6)


def test_filters_keep_a_limited_root_mean_square():
    module = nn.Conv2d(3, 4, 5)
    before = module.weight.detach().clone()
    module.weight.data[0] = 0.3
    module.weight.data[1] = 0.01
    limit_filters(module, 0.1)
    assert torch.allclose(module.weight[0], torch.tensor(0.1))
    assert torch.allclose(module.weight[1], torch.tensor(0.01))
    rms = before[2:].square().mean((1, 2, 3)).sqrt()
    assert torch.allclose(module.weight[2:].square().mean((1, 2, 3)).sqrt(), rms.clamp(max=0.1))
