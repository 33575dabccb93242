"""Every network of the zoo gives what the same network from elsewhere gives, with the same weights.

`make proof` writes what was found to docs/zoo_proof.md.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

import blockdsl
from blockdsl.codegen import build
from blockdsl.formatting import ports_text
from blockdsl.ir import Graph
from blockdsl.resources import names
from blockdsl.transfer import carry
from tests.families import FIRST, split
from tests.zoo.conftest import PAGE
from tests.zoo.proofs import PROOFS, Proof, Results

TOLERANCE = 1e-9
STEPS = [name for name, proof in PROOFS.items() if proof.step]
Record = Callable[[str, object], None]
Tensors = dict[str, Tensor]


def test_every_network_has_a_proof() -> None:
    assert sorted(PROOFS) == names("zoo")


def test_the_page_has_every_proof() -> None:
    rows = [
        line.strip("| ").split(" | ") for line in Path(PAGE).read_text().splitlines() if line[:3] == "| `"
    ]
    assert sorted(row[0].strip("`") for row in rows) == sorted([*PROOFS, *STEPS])
    for row in rows:
        assert len(row) == 4 and all(map(str.strip, row)), f"{row[0]} is incomplete"
        assert float(row[3]) <= TOLERANCE


@pytest.mark.parametrize("name", split(PROOFS))
def test_output(name: str, record_property: Record) -> None:
    proof = PROOFS[name]
    ours, theirs, graph = twins(name)
    given = inputs(graph)
    with torch.no_grad():
        expected, _ = results(theirs.eval()(*given), proof.read)
        found, _ = results(ours.eval()(*given), own)
    assert all(difference(out[0], out[1]) > 1e-6 for out in expected), "the inputs do not arrive"
    apart = max(difference(*pair) for pair in zip(found, expected, strict=True))
    assert apart <= TOLERANCE
    sizes = ports_text(graph.shapes_of(graph.inputs))
    record_property("proof", (name, source(proof), f"output, {sizes}", apart))


SLOW = {"unet", "inception_v3", "vit_b_16", "vgg11_bn"}
"""Whose gradients take longest, in float64: those of other families are in `make test`."""


@pytest.mark.parametrize("name", split(STEPS, FIRST - SLOW))
def test_gradients(name: str, record_property: Record) -> None:
    """Of all weights and auxiliary heads, in training mode with nothing dropped."""
    proof = PROOFS[name]
    ours, theirs, graph = twins(name)
    given = inputs(graph)
    found = gradients(ours, given, own)
    foreign = gradients(theirs, given, proof.read)
    expected = carried(foreign | dict(theirs.named_buffers()), graph, proof)
    largest = max(float(g.abs().max()) for g in found.values())
    # The gradient of a bias before a norm is 0 but for rounding: not relative to itself.
    apart = max(
        float((g - expected[n]).abs().max() / max(float(g.abs().max()), 1e-3 * largest))
        for n, g in found.items()
    )
    assert apart <= TOLERANCE
    record_property("proof", (name, source(proof), "gradients of a training step", apart))


def source(proof: Proof) -> str:
    return f"{proof.source} ({proof.differs}: set right)" if proof.differs else proof.source


def twins(name: str) -> tuple[nn.Module, nn.Module, Graph]:
    """Our module and the other, in float64, with the same random weights and statistics."""
    proof = PROOFS[name]
    torch.manual_seed(0)
    with torch.device("meta"):
        theirs = proof.make()
        proof.change(theirs)
    theirs = theirs.double().to_empty(device="cpu")
    draw(theirs)
    graph = blockdsl.load(name, input=proof.input).ir
    ours = build(graph, device="meta", dtype=torch.float64)
    state = theirs.state_dict()
    weights = (
        dict(zip(ours.state_dict(), state.values(), strict=True))
        if proof.plain
        else carried(state, graph, proof)
    )
    assert weights.keys() == ours.state_dict().keys()
    ours.load_state_dict(weights, assign=True)
    return ours, theirs, graph


def draw(net: nn.Module) -> None:
    """Weights that keep signals alive through depth (He), norms and statistics that are no identity."""
    for name, tensor in net.state_dict().items():
        if name.endswith("running_var") or (tensor.ndim == 1 and name.endswith("weight")):
            tensor.uniform_(0.5, 1.5)
        elif tensor.ndim > 1:
            limit = (6 / tensor[0].numel()) ** 0.5
            tensor.uniform_(-limit, limit)
        elif tensor.is_floating_point():
            tensor.normal_(std=0.1)
        else:
            tensor.zero_()


def carried(state: Tensors, graph: Graph, proof: Proof) -> Tensors:
    """All tensors, by our names."""
    found, report = carry(state, graph, trust_order=proof.trust_order)
    assert not (report.missing or report.unused or report.sliced)
    assert bool(report.by_order) == proof.trust_order
    return found


def inputs(graph: Graph) -> tuple[Tensor, ...]:
    """A random batch for each input of the network."""
    shapes = graph.shapes_of(graph.inputs).values()
    # A norm of few positions is ill-conditioned.
    batch = 4 if all(size <= 64 for shape in shapes for size in shape[1:]) else 2
    return tuple(torch.randn(batch, *shape, dtype=torch.float64) for shape in shapes)


def own(out: Any) -> Results:
    """What our modules return that is no tensor: outputs, in training mode with heads beside them."""
    return out if isinstance(out[-1], dict) else (out, {})


def results(out: Any, read: Callable[[Any], Results]) -> tuple[tuple[Tensor, ...], Tensors]:
    """The outputs, of which there may be one, and the auxiliary heads."""
    outputs, heads = (out, {}) if isinstance(out, Tensor) else read(out)
    return (outputs,) if isinstance(outputs, Tensor) else outputs, heads


def gradients(net: nn.Module, given: tuple[Tensor, ...], read: Callable[[Any], Results]) -> Tensors:
    for module in net.train().modules():
        for probability in ("p", "drop_prob", "drop_rate"):
            if isinstance(getattr(module, probability, None), float):
                setattr(module, probability, 0.0)
    outputs, heads = results(net(*given), read)
    sum(map(score, (*outputs, *(head for _, head in sorted(heads.items()))))).backward()
    return {name: p.grad for name, p in net.named_parameters() if p.grad is not None}


def score(out: Tensor) -> Tensor:
    """Cross-entropy; every image and pixel is of the class of its number; one channel is told from 0."""
    if out.shape[1] == 1:
        out = torch.cat([out, torch.zeros_like(out)], 1)
    labels = torch.arange(out.numel() // out.shape[1]) % out.shape[1]
    return F.cross_entropy(out, labels.view(out.shape[0], *out.shape[2:]))


def difference(ours: Tensor, theirs: Tensor) -> float:
    """The largest, relative to the largest value."""
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()
