"""What PyTorch does with modules, done to networks of every kind of structure."""

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from codegen_nets import (
    CELLS,
    batch,
    every_net,
    graph_of,
    heads_of,
    same,
)
from torch import nn

from blockdsl.codegen import build


@every_net
@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"]
)
@pytest.mark.parametrize("training", [True, False])
def test_copies(text: str, copied: Callable[[nn.Module], nn.Module], training: bool) -> None:
    graph = graph_of(text)
    module = build(graph, seed=0).train(training)
    other = copied(module)
    results = []
    for net in (module, other):
        torch.manual_seed(1)
        results.append(heads_of(net(batch(graph))))
    same(*results)
    assert not {p.data_ptr() for p in module.parameters()} & {p.data_ptr() for p in other.parameters()}


@every_net
@pytest.mark.parametrize("training", [True, False])
def test_compiles_as_one_graph(text: str, training: bool) -> None:
    graph = graph_of(text)
    module = build(graph, seed=0).train(training)
    compiled = torch.compile(copy.deepcopy(module), fullgraph=True, backend="aot_eager")
    torch.manual_seed(1)
    expected = heads_of(module(batch(graph)))
    torch.manual_seed(1)
    same(heads_of(compiled(batch(graph))), expected)


@every_net
@pytest.mark.parametrize("training", [True, False])
def test_exports(text: str, training: bool) -> None:
    graph = graph_of(text)
    module = build(graph, seed=0).train(training)
    program = torch.export.export(module, (batch(graph),))
    assert program.state_dict.keys() == module.state_dict().keys()
    state = copy.deepcopy(module.state_dict())
    torch.manual_seed(1)
    found = heads_of(program.module()(batch(graph)))
    module.load_state_dict(state)
    torch.manual_seed(1)
    same(found, heads_of(module(batch(graph))))


@every_net
def test_autocast_and_channels_last(text: str) -> None:
    graph = graph_of(text)
    module = build(graph, seed=0).eval()
    expected = module(batch(graph))
    last = copy.deepcopy(module).to(memory_format=torch.channels_last)
    same(last(batch(graph).to(memory_format=torch.channels_last)), expected)
    with torch.autocast("cpu", torch.bfloat16):
        y, *_ = heads_of(module.train()(batch(graph)))
    assert y.dtype == torch.bfloat16
    y.float().sum().backward()


@every_net
def test_meta_device_allocates_nothing_and_has_the_same_tensors(text: str) -> None:
    graph = graph_of(text)
    module, real = build(graph, device="meta"), build(graph)
    assert all(t.is_meta for t in module.state_dict().values())
    shapes = {name: t.shape for name, t in real.state_dict().items()}
    assert {name: t.shape for name, t in module.state_dict().items()} == shapes
    module.load_state_dict(real.state_dict(), assign=True)
    same(module.eval()(batch(graph)), real.eval()(batch(graph)))


def test_exports_with_any_number_of_samples() -> None:
    graph = graph_of(CELLS)
    module = build(graph, seed=0).eval()
    program = torch.export.export(module, (batch(graph),), dynamic_shapes=({0: torch.export.Dim("n")},))
    same(program.module()(batch(graph, 7)), module(batch(graph, 7)))
