"""What must hold of every file of the zoo, whatever it describes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import blockdsl
from blockdsl.analysis.canonical import canonical_hash
from blockdsl.architecture import Architecture
from blockdsl.codegen import build, check_module
from blockdsl.lowering import lower
from blockdsl.resources import find_source, names
from blockdsl.source import Source
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.parser import parse
from blockdsl.syntax.printer import format_file
from tests.families import split

ZOO = names("zoo")
PARTS = {"inception_module_naive.arch", "inception_module_reduced.arch"}
"""Parts of networks, which nobody trained by themselves."""


@pytest.fixture(scope="module")
def network(request: pytest.FixtureRequest) -> Architecture:
    return blockdsl.load(request.param)


@pytest.fixture(scope="module")
def module(network: Architecture) -> nn.Module:
    return build(network.ir, device="meta")


every = pytest.mark.parametrize("network", ZOO, indirect=True)
with_modules = pytest.mark.parametrize("network", split(ZOO), indirect=True)


@every
def test_its_checks_hold(network: Architecture) -> None:
    assert network.check() >= 2


@every
def test_it_says_where_it_is_from(network: Architecture) -> None:
    """And what it reached on what; where no error was published, a note or the opening comment says so."""
    meta = network.program.meta
    assert meta.title and meta.authors and meta.paper and meta.dataset
    assert meta.year and 1998 <= meta.year <= 2023
    assert network.program.file.span.text.startswith("# ")
    assert meta.errors or meta.notes or network.program.file.span.source.name in PARTS


@every
def test_it_says_how_it_was_trained(network: Architecture) -> None:
    file = network.program.file
    trains = [statement for statement in file.statements if isinstance(statement, nodes.Train)]
    if file.span.source.name in PARTS:
        assert not trains
    else:
        (train,) = trains
        assert "optimizer" in [setting.name for setting in train.settings]


@every
def test_it_checks_counts_and_shapes(network: Architecture) -> None:
    checked = [check.condition.span.text for check in network.program.checks]
    assert any(text.startswith("params ==") for text in checked)
    assert any(text.startswith("macs ") for text in checked)
    assert any(text.startswith(("shape(", "output ==")) for text in checked)
    if network.ir.auxiliaries:
        assert any("params_aux" in text for text in checked)


@with_modules
def test_every_layer_yields_what_it_declares(network: Architecture, module: nn.Module) -> None:
    """Parameters, buffers and shapes, by a real forward pass without memory."""
    check_module(network.ir, module)


@with_modules
def test_counts_are_the_modules(network: Architecture, module: nn.Module) -> None:
    """Parameters, and multiply-accumulates as PyTorch's flop counter has them (two flops each)."""
    summary = network.summary()
    assert summary.params == sum(p.numel() for p in module.parameters())
    plain = module.eval()
    for layer in plain.modules():
        # Its fast path is one fused operation, which the counter does not know.
        layer.train(isinstance(layer, nn.MultiheadAttention))
    with FlopCounterMode(display=False) as flops:
        plain(*(torch.empty(1, *shape, device="meta") for shape in network.inputs.values()))
    assert 2 * summary.macs == flops.get_total_flops()


@pytest.mark.parametrize("name", ZOO)
def test_formatted_it_is_the_same_network(name: str) -> None:
    source = find_source(name)
    again = Source(source.name, format_file(parse(source)), source.folder)
    assert canonical_hash(lower(parse(again)).graph) == canonical_hash(lower(parse(source)).graph)
