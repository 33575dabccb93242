"""The spaces that come along: their sizes by reasoning, their networks against ones written in PyTorch."""

import random

import pytest
import torch
from torch import nn

from blockdsl.codegen import build
from blockdsl.resources import names
from blockdsl.space import Candidate, Space, Value
from blockdsl.space.counting import Count, count, pinned
from blockdsl.space.domains import first_value
from tests.space.spaces_in_torch import (
    OPERATIONS,
    convolution,
    fractal_network,
    head,
    inception,
    inverted,
    macs,
    nas_bench_201,
    parameters,
)

SIZES = {
    # One of five operations on each of six edges.
    "nas_bench_201": 5**6,
    # A module: 3 reductions, 3 ways to 5x5, 2 poolings. Twice 1 to 3 modules, 4 widths.
    "inception": 4 * sum((3 * 3 * 2) ** (2 * depth) for depth in (1, 2, 3)),
    # 4 widths, 2 activations; each of 3 stages: 3 depths, 3 expansions, 2 kernels, 2 gates.
    "mobile": 4 * 2 * (3 * 3 * 2 * 2) ** 3,
    # 3 numbers of blocks, 4 widths; one column has nothing to join, 2 to 4 have a maximum or 3 means.
    "fractal": 3 * 4 * (1 + 3 * (1 + 3)),
    # 4 widths, 3 depths, 3 bottlenecks, 3 shortcuts.
    "residual": 4 * 3 * 3 * 3,
    "plain_residual_dense": 3 * 6 * 4,
    # 113 widths, 3 ways to narrow, with and without normalisation, 3 dropouts; an activation a layer.
    "mlp": 113 * 3 * 2 * 3 * (3 + 3**2 + 3**3 + 3**4),
    # Two stages, each with 3 widths, 3 depths, 2 bottlenecks, with and without shortcuts.
    "residual_stages": (3 * 3 * 2 * 2) ** 2,
    "nas_bench_macro": 3**8,
}


SLOW = {"nas_bench_201"}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.long] if n in SLOW else []) for n in names("search")]
)
def test_size(name: str) -> None:
    assert count(Space.load(name), sizes=pinned) == Count(SIZES[name])


@pytest.mark.parametrize("name", names("search"))
def test_what_is_drawn_fits_and_runs(name: str) -> None:
    space = Space.load(name)
    for seed in range(12):
        candidate = space.sample(random.Random(seed))  # nothing that is refused
        if seed < 2:
            graph = candidate.program.graph
            with torch.no_grad():
                assert build(graph).eval()(torch.zeros(2, *graph.only_input("a test"))).shape == (2, 10)


def chosen(name: str, **values: Value) -> Candidate:
    """A network with values by path (options by their place from 0), and first ones elsewhere."""
    candidate = Space.load(name).reach(lambda point: values.get(point.path, first_value(point.domain)))
    assert values.keys() <= candidate.assignment.keys()
    return candidate


def holds(candidate: Candidate, module: nn.Module, *shape: int) -> None:
    found = candidate.summary
    assert (found.params, found.macs) == (parameters(module), macs(module, *shape))


def test_inception() -> None:
    average = nn.AvgPool2d(3, 1, 1)
    wanted = nn.Sequential(
        convolution(1, 8, 3),
        inception(8, 8, 1, [5], nn.MaxPool2d(3, 1, 1)),
        nn.MaxPool2d(2),
        inception(24, 16, 2, [(1, 5), (5, 1)], average),
        *head(48),
    )
    values = {"inception[2].reduce": 1, "inception[2].five[1].choice[1]": 2, "inception[2].choice[1]": 1}
    holds(chosen("inception", width=8, **values), wanted, 1, 8, 8)


def test_inception_with_two_modules() -> None:
    maximum = nn.MaxPool2d(3, 1, 1)
    wanted = nn.Sequential(
        convolution(1, 4, 3),
        inception(4, 4, 4, [3, 3], maximum), inception(12, 4, 1, [5], maximum),
        nn.MaxPool2d(2),
        inception(12, 8, 1, [5], maximum), inception(24, 8, 1, [5], maximum),
        *head(24),
    )  # fmt: skip
    values = {"inception[1].reduce": 2, "inception[1].five[1].choice[1]": 1}
    holds(chosen("inception", depth=2, **values), wanted, 1, 8, 8)


def test_mobile() -> None:
    wanted = nn.Sequential(
        convolution(1, 12, 3),
        inverted(12, 12, 6, 3, 1), inverted(12, 12, 6, 3, 1),
        inverted(12, 24, 1, 3, 2, squeeze=12),
        inverted(24, 36, 3, 5, 2),
        convolution(36, 96, 1), *head(96),
    )  # fmt: skip
    values = {
        "stage[1].depth": 2, "stage[1].expand": 2, "stage[2].gate": 1,
        "stage[3].kernel": 1, "stage[3].expand": 1,
    }  # fmt: skip
    holds(chosen("mobile", width=3, act=1, **values), wanted, 1, 8, 8)


@pytest.mark.parametrize(("columns", "blocks", "width"), [(1, 3, 4), (2, 1, 8), (3, 2, 8), (4, 3, 4)])
def test_fractal(columns: int, blocks: int, width: int) -> None:
    wanted = fractal_network(columns, [width * 2**i for i in range(blocks)])
    holds(chosen("fractal", columns=columns, blocks=blocks, width=width), wanted, 1, 8, 8)


def test_the_deepest_way_through_a_fractal() -> None:
    # 2^(n-1) convolutions in a row in each block, its pooling, GAP and FC.
    graph = chosen("fractal", columns=4, blocks=2).program.graph
    longest: dict[int, int] = {}
    for layer in graph.layers():
        before = max((longest[value.node] for value in layer.inputs), default=0)
        longest[layer.id] = before + (layer.operation.name == "CONV")
    assert longest[graph.outputs[0].value.node] == 2 * 2 ** (4 - 1)


PUBLISHED = {
    # FLOPs and parameters in millions for CIFAR-10. github.com/D-X-Y/NATS-Bench: what its own tests
    # expect of architecture 0; issue 36, get_cost_info(hp="12"). The third: the benchmark's print of
    # architecture 9930, the cell of ResNet, rounded there.
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|":
        (15.64737, 0.129306, 5, 6),
    "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|avg_pool_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|":
        (113.95137, 0.802426, 5, 6),
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|":
        (184.73, 1.289, 2, 3),
}  # fmt: skip


def cell(architecture: str) -> Candidate:
    operations = [OPERATIONS.index(e.split("~")[0]) for e in architecture.replace("+", "").split("|") if e]
    paths = [f"edge{edge}" for edge in ("01", "02", "12", "03", "13", "23")]
    return Space.load("nas_bench_201").bind(dict(zip(paths, operations, strict=True)))


@pytest.mark.parametrize("architecture", PUBLISHED)
def test_published_figures_of_nas_bench_201(architecture: str) -> None:
    found = cell(architecture).summary
    flops, params, *digits = PUBLISHED[architecture]
    # The benchmark counts the biases of the last layer among its FLOPs: ten for ten classes.
    assert round((found.macs + 10) / 1e6, digits[0]) == flops
    assert round(found.params / 1e6, digits[1]) == params


@pytest.mark.parametrize("seed", range(4))
def test_nas_bench_201_against_torch(seed: int) -> None:
    drawn = random.Random(seed).choices(OPERATIONS, k=6)
    architecture = "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|".format(*drawn)
    holds(cell(architecture), nas_bench_201(architecture), 3, 32, 32)


def test_a_node_that_copies_the_input_is_the_input() -> None:
    one = cell("|skip_connect~0|+|nor_conv_3x3~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|skip_connect~2|")
    other = cell("|skip_connect~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|avg_pool_3x3~0|none~1|skip_connect~2|")
    assert one.identity == other.identity
    third = cell("|nor_conv_1x1~0|+|nor_conv_3x3~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|skip_connect~2|")
    assert one.identity != third.identity
