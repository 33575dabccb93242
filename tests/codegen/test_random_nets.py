"""Random networks with bundles, shared networks, several inputs and outputs: what must hold of any."""

import random

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from blockdsl.analysis import summarise
from blockdsl.analysis.canonical import canonical_hash
from blockdsl.codegen import build
from blockdsl.codegen.verify import check_module, example
from blockdsl.export.python import python_source
from blockdsl.ir import Graph
from blockdsl.lowering import lower
from blockdsl.source import Source
from blockdsl.syntax.parser import parse
from blockdsl.syntax.printer import format_file
from tests.export.running import network
from tests.random_nets import random_net

SEEDS = st.integers(0, 2**32 - 1)


def text_of(seed: int) -> str:
    return random_net(random.Random(seed))


def graph_of(text: str) -> Graph:
    return lower(parse(Source("random.arch", text))).graph


def layers(graph: Graph) -> list[object]:
    return [(layer.name, str(layer.operation), layer.inputs, layer.shapes) for layer in graph.layers()]


def tensors(outputs: Tensor | tuple[Tensor, ...]) -> list[Tensor]:
    return [outputs] if isinstance(outputs, Tensor) else list(outputs)


@settings(max_examples=60)
@given(SEEDS)
def test_formatting_keeps_the_network(seed: int) -> None:
    text = text_of(seed)
    once = format_file(parse(Source("random.arch", text)))
    assert format_file(parse(Source("random.arch", once))) == once
    assert layers(graph_of(once)) == layers(graph_of(text))


@settings(max_examples=40)
@given(SEEDS)
def test_lowering_is_deterministic(seed: int) -> None:
    one, other = graph_of(text_of(seed)), graph_of(text_of(seed))
    assert layers(one) == layers(other)
    assert (one.inputs, one.outputs, one.shared) == (other.inputs, other.outputs, other.shared)
    assert canonical_hash(one) == canonical_hash(other)


@settings(max_examples=25)
@given(SEEDS)
def test_the_module_has_what_was_counted(seed: int) -> None:
    graph = graph_of(text_of(seed))
    module, summary = build(graph), summarise(graph)
    assert sum(p.numel() for p in module.parameters()) == summary.params
    check_module(graph, module)


@settings(max_examples=25)
@given(SEEDS)
def test_pytorch_counts_the_same_macs(seed: int) -> None:
    """On the meta device, for a batch of two."""
    graph = graph_of(text_of(seed))
    module = build(graph, device="meta").eval()
    inputs = [example(shape, module) for shape in graph.shapes_of(graph.inputs).values()]
    with FlopCounterMode(display=False) as counter:
        module(*inputs)
    assert counter.get_total_flops() == 2 * 2 * summarise(graph).macs


@settings(max_examples=15)
@given(SEEDS)
def test_exported_python_computes_the_same(seed: int) -> None:
    program = lower(parse(Source("random.arch", text_of(seed))))
    ours, theirs = build(program.graph, seed=0).double(), network(python_source(program)).double()
    theirs.load_state_dict(ours.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    generator = torch.Generator().manual_seed(0)
    shapes = program.graph.shapes_of(program.graph.inputs).values()
    inputs = [torch.randn(3, *shape, generator=generator, dtype=torch.float64) for shape in shapes]
    for module in (ours, theirs):
        module.eval()
    with torch.no_grad():
        torch.testing.assert_close(tensors(theirs(*inputs)), tensors(ours(*inputs)), rtol=1e-9, atol=1e-9)
