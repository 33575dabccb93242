"""The exported network draws its weights from the same distributions as `module()`."""

import math

import pytest
import torch
from torch import Tensor, nn

import blockdsl
from blockdsl.architecture import Architecture
from blockdsl.export.python import python_source
from blockdsl.ops import ModuleSpec
from blockdsl.ops.core import Drawn, Operation, Shape
from blockdsl.ops.registry import operation, unregister
from blockdsl.recipe.term import terms_of
from tests.export.running import network
from tests.families import split

SAMPLE = (  # every `init` term of the zoo, with `at`, a table, groups, tokens, transposed convolutions
    "lenet5", "lenet5_1998", "nin_cifar10", "squeezenet1_1", "ciresan_mlp", "convnext_tiny", "unet",
    "densenet_40_12", "fractalnet_20", "resnet20", "googlenet",
)  # fmt: skip


def agree(net: Architecture) -> None:
    """Mean and spread of every tensor, built and exported, agree within six standard errors."""
    built = net.module(seed=0).state_dict()
    torch.manual_seed(1)
    exported = network(python_source(net.program)).state_dict()
    assert list(exported) == list(built)
    for name, ours in built.items():
        same(name, ours.double().flatten(), exported[name].double().flatten())


def same(name: str, ours: Tensor, theirs: Tensor) -> None:
    n = ours.numel()
    spread = [t.std(correction=0).item() for t in (ours, theirs)]
    if min(spread) == 0 and n > 8:
        assert torch.equal(ours, theirs), f"{name} is constant in one of the two, or another constant"
        return
    if n < 16:
        return  # too few numbers to tell distributions apart; their layer's weight tells
    error = 6 * max(spread) / math.sqrt(n / 2)
    assert abs(ours.mean() - theirs.mean()) < error, name
    assert abs(spread[0] - spread[1]) < error, name
    assert max(ours.abs().max(), theirs.abs().max()) < 9 * min(spread) + abs(ours.mean()), name


@pytest.mark.parametrize("name", SAMPLE)
def test_zoo_begins_alike(name: str) -> None:
    agree(blockdsl.load(name))


@pytest.mark.parametrize(
    "name", split(["alexnet", "caffenet", "overfeat_fast", "alexnet_two_towers", "zfnet"], {"alexnet"})
)
def test_large_networks_begin_alike(name: str) -> None:
    """Their biases and spreads differ from layer to layer; narrower classifiers do not change that."""
    agree(blockdsl.load(name, settings={"classes": 10}))


NET = """
    input 16x12x12
    block unit(c) = CONV(c,3,p1,g2)-BN-RELU
    net stem:CONV(32,3,p1)-unit(32)*2-CONV(24,3,table=[{rows}])-UP(2,40)-DECONV(20,3,bias=no)
       -TOKENS-FC(48)-ATTENTION(4)-FC(32)
    train
        init = {term}
"""
ROWS = ",".join(["[0,1,2]"] * 8 + ["[4,5,6,7,8,9]"] * 16)
TERMS = [
    *(str(kind()) for kind in terms_of("init").values()),
    "he(mode=fan_in, bias=0.5)",
    "he(uniform=yes)",
    "he(mode=fan_in, uniform=yes)",
    "xavier(uniform=no, bias=1)",
    "lecun(limit=3, root=yes, bias=-0.25)",
    "normal(std=0.3, bias=2, bias_std=0.1)",
    'he + normal(std=0.5, bias=1, at="stem") + uniform(limit=0.01, at=["unit[2]", "fc2"])',
    'normal(std=0.5, at="unit1") + lecun + xavier(at="attention1")',
]


@pytest.mark.parametrize("term", TERMS)
def test_every_term_on_every_kind_of_layer(term: str) -> None:
    agree(blockdsl.parse(NET.format(rows=ROWS, term=term)))


class _Pair(nn.Module):
    """A drawn weight whose fans are no function of its shape, and one that keeps its own beginning."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features
        self.mix = nn.Parameter(torch.empty(features, features))
        self.inner = nn.Linear(features, features)
        nn.init.normal_(self.inner.weight, std=3.0)
        nn.init.normal_(self.mix, std=5.0)

    def forward(self, x: Tensor) -> Tensor:
        """(N, F) -> (N, F)."""
        return self.inner(x @ self.mix)  # type: ignore[no-any-return]


def test_operations_of_the_users_take_part() -> None:
    @operation("TESTPAIR")
    class TestPair(Operation):
        def weights(self, *inputs: Shape) -> dict[str, Shape]:
            f = inputs[0][0]
            return {"mix": (f, f), "inner.weight": (f, f), "inner.bias": (f,)}

        def drawn(self, *inputs: Shape) -> tuple[Drawn, ...]:
            return (Drawn("mix", 10_000, 100),)

        def spec(self, *inputs: Shape) -> ModuleSpec:
            return ModuleSpec(_Pair, features=inputs[0][0])

    try:
        net = blockdsl.parse(
            "input 64 net FC(64)-TESTPAIR-FC(64)-TESTPAIR-FC(8) train init = he(mode=fan_in)"
        )
        module = net.module(seed=0)
        pair = module.get_submodule("testpair1")
        assert abs(pair.mix.std().item() - math.sqrt(2 / 10_000)) < 1e-3
        assert abs(pair.inner.weight.std().item() - 3) < 0.2
        agree(net)
    finally:
        unregister("TESTPAIR")
