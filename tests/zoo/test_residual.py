"""ResNets, their descendants, DenseNets and FractalNets: counts, and what they drop in training.

Their outputs and gradients are compared in `test_proof`.

The nets they are held against are written from the papers and the authors' code in `residual_nets`,
or come from torchvision and timm.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import blockdsl
from blockdsl.layers.dropout import DropPath
from blockdsl.layers.join import FractalMean
from tests.references import torchvision_models
from tests.zoo import residual_nets as nets

torchvision = torchvision_models()
CIFAR = (3, 32, 32)
FRACTAL = (64, 128, 256, 512, 512)
ULTRA = (16, 32, 64, 128, 128)

Maker = Callable[[], nn.Module]


def legacy_seresnet50() -> nn.Module:
    import timm  # after `torchvision_models`, without which it may not import

    return timm.create_model("legacy_seresnet50")


# --- the same networks from elsewhere

OWN: dict[str, Maker] = {
    **{f"resnet{6 * n + 2}": lambda n=n: nets.cifar_resnet(n) for n in (3, 5, 7, 9, 18, 200)},
    **{f"plain{6 * n + 2}": lambda n=n: nets.cifar_plain(n) for n in (3, 5, 7, 9, 18)},
    "plain18": lambda: nets.imagenet_plain((2, 2, 2, 2)),
    "plain34": lambda: nets.imagenet_plain((3, 4, 6, 3)),
    "resnet50": lambda: nets.resnet_v1((3, 4, 6, 3)),
    "resnet101": lambda: nets.resnet_v1((3, 4, 23, 3)),
    "resnet152": lambda: nets.resnet_v1((3, 8, 36, 3)),
    "stochastic_depth_110": lambda: nets.stochastic_depth(18),
    "wrn_16_8": lambda: nets.wide_resnet(2, 8),
    "wrn_28_10": lambda: nets.wide_resnet(4, 10),
    "wrn_40_4": lambda: nets.wide_resnet(6, 4),
    "preact_resnet164": lambda: nets.preact_cifar(18),
    "preact_resnet1001": lambda: nets.preact_cifar(111),
    "preact_resnet200": lambda: nets.preact_imagenet((3, 24, 36, 3)),
    "densenet_40_12": lambda: nets.densenet(12, 12),
    "densenet_100_12": lambda: nets.densenet(32, 12),
    "densenet_100_24": lambda: nets.densenet(32, 24),
    "densenet_bc_100_12": lambda: nets.densenet(16, 12, bottleneck=True),
    "densenet_bc_250_24": lambda: nets.densenet(41, 24, bottleneck=True),
    "densenet_bc_190_40": lambda: nets.densenet(31, 40, bottleneck=True),
    "fractalnet_20": lambda: nets.Fractal(FRACTAL, 3),
    "fractalnet_20_doubling": lambda: nets.Fractal(FRACTAL, 3, grow=True),
    **{f"fractalnet_ultra_{5 * 2 ** (c - 1)}": lambda c=c: nets.Fractal(ULTRA, c, 100) for c in range(1, 7)},
}
OTHERS: dict[str, Maker] = {
    "resnet18": torchvision.resnet18,
    "resnet34": torchvision.resnet34,
    "resnet50_v1_5": torchvision.resnet50,
    "resnet101_v1_5": torchvision.resnet101,
    "resnet152_v1_5": torchvision.resnet152,
    "wrn_50_2": torchvision.wide_resnet50_2,
    "resnext50_32x4d": torchvision.resnext50_32x4d,
    "densenet121": torchvision.densenet121,
    "densenet161": torchvision.densenet161,
    "densenet169": torchvision.densenet169,
    "densenet201": torchvision.densenet201,
    "se_resnet50": legacy_seresnet50,
}


def macs(module: nn.Module, shape: tuple[int, ...]) -> int:
    """Multiply-accumulates of convolutions and linear layers, counted while a tensor runs through."""
    total = 0

    def count(layer: nn.Module, _: object, output: Tensor) -> None:
        nonlocal total
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        positions = output[0, 0].numel() if isinstance(layer, nn.Conv2d) else 1
        total += layer.weight.numel() * positions

    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(count)
    module.eval()(torch.empty(1, *shape, device="meta"))
    return total


@pytest.mark.parametrize("name", [*OWN, *OTHERS])
def test_counts(name: str) -> None:
    ours = blockdsl.load(name)
    with torch.device("meta"):
        theirs = (OWN | OTHERS)[name]()
    assert ours.summary().params == sum(p.numel() for p in theirs.parameters())
    assert ours.summary().macs == macs(theirs, ours.input_shape)
    assert ours.check() >= 4


@pytest.mark.parametrize(
    ("name", "published"),
    [
        # He et al. 2015, table 6.
        ("resnet20", "0.27"), ("resnet32", "0.46"), ("resnet44", "0.66"), ("resnet56", "0.85"),
        ("resnet110", "1.7"), ("resnet1202", "19.4"),
        # szagoruyko/wide-residual-networks, pretrained/README.
        ("resnet50", "25.6"), ("resnet101", "44.5"), ("resnet152", "60.2"),
        ("wrn_50_2", "68.9"), ("preact_resnet200", "64.7"),
        # Huang et al. 2016, table 2, and liuzhuang13/DenseNet, README.
        ("densenet_40_12", "1.0"), ("densenet_100_12", "7.0"), ("densenet_100_24", "27.2"),
        ("densenet_bc_100_12", "0.8"), ("densenet_bc_250_24", "15.3"), ("densenet_bc_190_40", "25.6"),
        # Larsson et al. 2016, table 1.
        ("fractalnet_20_doubling", "38.6"),
        # Squeeze-and-Excitation Networks, section 4: 28.1 million, 2.5 of them beyond ResNet-50.
        ("se_resnet50", "28.1"),
    ],
)  # fmt: skip
def test_published_parameters(name: str, published: str) -> None:
    """In millions."""
    decimals = len(published.partition(".")[2])
    assert f"{blockdsl.load(name).summary().params / 1e6:.{decimals}f}" == published


@pytest.mark.parametrize(
    ("name", "published"),
    [("resnet18", 1.8), ("resnet34", 3.6), ("resnet50", 3.8), ("resnet101", 7.6), ("resnet152", 11.3)],
)
def test_published_multiply_adds(name: str, published: float) -> None:
    """He et al. 2015, table 1, in units of 10^9, which the paper cuts or rounds to one digit."""
    assert -0.05 <= blockdsl.load(name).summary().macs / 1e9 - published < 0.1


# --- the same weights


def stateful(module: nn.Module) -> list[str]:
    """Leaves with weights or statistics, in the order of registration."""
    return [name for name, m in module.named_modules() if not list(m.children()) and m.state_dict()]


def executed(module: nn.Module, shape: tuple[int, ...]) -> list[str]:
    """Leaves with weights or statistics, in the order of execution; the module is on meta."""
    order: list[str] = []
    hooks = [
        module.get_submodule(name).register_forward_hook(lambda *_, name=name: order.append(name))
        for name in stateful(module)
    ]
    module.eval()(torch.empty(1, *shape, device="meta"))
    for hook in hooks:
        hook.remove()
    return order


def disturb(module: nn.Module) -> nn.Module:
    """In double precision, with norms that are no identity."""
    module.double()
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            assert norm.running_mean is not None and norm.running_var is not None
            norm.running_mean.normal_(std=0.1)
            norm.running_var.uniform_(0.5, 1.5)
            if norm.affine:
                nn.init.uniform_(norm.weight, 0.5, 1.0)
                nn.init.normal_(norm.bias, std=0.1)
    return module


def twins(name: str, shape: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    """Our module and the independent one, with the same weights."""
    torch.manual_seed(0)
    theirs = disturb(OWN[name]())
    ours = blockdsl.load(name, input=shape).module(device="meta")
    order = executed(ours, shape)
    assert sorted(order) == sorted(stateful(ours))
    ours.to_empty(device="cpu").double()
    for mine, other in zip(order, stateful(theirs), strict=True):
        ours.get_submodule(mine).load_state_dict(theirs.get_submodule(other).state_dict())
    return ours, theirs


def difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference, relative to the largest value."""
    assert theirs.abs().max() > 0
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


# --- stochastic depth (Huang et al. 2016)


def gates(module: nn.Module) -> list[DropPath]:
    return [m for m in module.modules() if isinstance(m, DropPath)]


def test_stochastic_depth_decays_linearly() -> None:
    module = blockdsl.load("stochastic_depth_110").module(device="meta")
    assert [g.p for g in gates(module)] == pytest.approx([0.5 * unit / 54 for unit in range(1, 55)])
    assert {(g.per, g.rescale) for g in gates(module)} == {("batch", "test")}


def test_stochastic_depth_trains_short_networks() -> None:
    """A closed gate leaves the shortcut, an open one the unscaled branch, for a whole mini-batch."""
    ours, theirs = twins("stochastic_depth_110", (3, 8, 8))
    x = torch.randn(4, 3, 8, 8, dtype=torch.float64)
    units = [m for m in theirs.modules() if isinstance(m, nets.PostActivated)]
    opened: list[bool] = []
    for gate in gates(ours):
        gate.register_forward_hook(lambda _, inputs, output: opened.append(bool((output == inputs[0]).all())))
    patterns = set()
    for _ in range(3):
        opened.clear()
        y = ours.train()(x)
        for unit, gate in zip(units, opened, strict=True):
            unit.gate = gate
        assert difference(y, theirs.train()(x)) < 1e-9
        patterns.add(tuple(opened))
    assert len(patterns) == 3
    assert 20 < sum(map(sum, patterns)) / 3 < 54  # 40.5 of 54 branches are there on average


def test_stochastic_depth_tests_the_full_network() -> None:
    ours, theirs = twins("stochastic_depth_110", (3, 8, 8))
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    y = ours.eval()(x)
    assert torch.equal(y, ours(x))
    for unit in theirs.modules():
        if isinstance(unit, nets.PostActivated):
            unit.death = 0.0
    assert difference(y, theirs.eval()(x)) > 1e-3  # not the sum of whole branches


# --- drop-path (Larsson et al. 2016, section 3)


def kept(inputs: tuple[Tensor, ...], output: Tensor) -> frozenset[int]:
    """Which of the inputs a join took the mean of."""
    for chosen in range(1, 2 ** len(inputs)):
        indices = [i for i in range(len(inputs)) if chosen >> i & 1]
        if torch.allclose(torch.stack([inputs[i] for i in indices]).mean(0), output, atol=1e-12):
            return frozenset(indices)
    raise AssertionError("a join is the mean of some of its inputs")


def test_drop_path() -> None:
    torch.manual_seed(1)
    module = blockdsl.load("fractalnet_ultra_20").module(dtype=torch.float64, seed=0).train()
    joins: list[tuple[int, frozenset[int]]] = []

    def record(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        paths = inputs[:-1]  # the network's draw comes last
        joins.append((len(paths), kept(paths, output)))

    for join in module.modules():
        if isinstance(join, FractalMean):
            join.register_forward_hook(record)
    passes = 30
    columns, dropped, inputs = set(), 0, 0
    local = 0
    x = torch.randn(2, *CIFAR, dtype=torch.float64)
    for _ in range(passes):
        joins.clear()
        module(x)
        assert sorted(count for count, _ in joins) == [2] * 5 + [3] * 5
        last = {paths for count, paths in joins if count == 3}
        if len(last) == 1 and len(column := next(iter(last))) == 1:
            # Global: one column throughout; the inner joins have the two deepest of three columns.
            (deep,) = column
            columns.add(deep)
            inner = frozenset({deep - 1}) if deep else frozenset({0, 1})
            assert {paths for count, paths in joins if count == 2} == {inner}
        else:
            local += 1
            dropped += sum(count - len(paths) for count, paths in joins)
            inputs += sum(count for count, _ in joins)
    assert columns == {0, 1, 2}
    assert 8 <= local <= 22
    assert 0.10 < dropped / inputs < 0.19  # 15%, a little less because one always survives


def test_drop_path_is_off_at_test_time() -> None:
    """The full network is the plain mean of all columns (`test_proof`), and draws nothing."""
    module = blockdsl.load("fractalnet_ultra_20").module(seed=0).eval()
    x = torch.randn(1, *CIFAR)
    state = torch.random.get_rng_state()
    assert torch.equal(module(x), module(x))
    assert torch.equal(state, torch.random.get_rng_state())


# --- recipes


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnet152", "resnet20", "resnet110", "plain34"])
def test_weight_decay_of_the_paper(name: str) -> None:
    """1e-4 (He et al. 2015, section 3.4), which lecture notes give as 1e-5."""
    assert blockdsl.load(name).program.recipe.optimizer.weight_decay == 1e-4


def test_dropout_is_a_parameter() -> None:
    """Wide ResNets have it between the two 3x3, DenseNets after each convolution but the first."""
    wide = blockdsl.load("wrn_16_8", settings={"drop": 0.3}).module(device="meta")
    assert [m.p for m in wide.modules() if isinstance(m, nn.Dropout)] == [0.3] * 6
    dense = blockdsl.load("densenet_40_12", settings={"drop": 0.2}).module(device="meta")
    assert [m.p for m in dense.modules() if isinstance(m, nn.Dropout)] == [0.2] * 38
