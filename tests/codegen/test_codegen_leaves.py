"""Layers that are alike are copies of one module: as good as new ones, with nothing in common."""

from __future__ import annotations

import torch
from codegen_nets import every_net, graph_of, same
from torch import nn

from blockdsl.codegen import build, module_of, module_path
from blockdsl.codegen.leaves import twin

ALIKE = "input 4x8x8 block unit = CONV(4,3,p1)-BN-RELU-PRELU-DROPOUT(0.5) net unit*3-FC(4)-FC(4)-FC(4)"


@every_net
def test_a_layer_is_the_module_that_its_operation_makes(text: str) -> None:
    graph = graph_of(text)
    module = build(graph, seed=0)
    for layer in graph.layers():
        if layer.id:
            leaf = module.get_submodule(module_path(graph, layer))
            made = module_of(layer.operation, *graph.input_shapes(layer))
            assert type(leaf) is type(made)
            assert vars(leaf).keys() == vars(made).keys()
            assert [p.requires_grad for p in leaf.parameters()] == [
                p.requires_grad for p in made.parameters()
            ]
            found, wanted = leaf.state_dict(), made.state_dict()
            assert {n: t.shape for n, t in found.items()} == {n: t.shape for n, t in wanted.items()}
            if layer.operation.name in ("BN", "LN", "PRELU"):
                same(found, wanted)


def test_layers_that_are_alike_share_no_memory() -> None:
    module = build(graph_of(ALIKE), seed=0)
    tensors = list(module.state_dict().values())
    assert len({tensor.data_ptr() for tensor in tensors}) == len(tensors)
    weights = [m.weight for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(weights) == 6
    for i, one in enumerate(weights):
        assert one.requires_grad
        assert one.is_leaf
        assert not any(one.shape == other.shape and torch.equal(one, other) for other in weights[:i])


def test_layers_that_are_alike_share_no_state() -> None:
    module = build(graph_of(ALIKE), seed=0)
    one, two, _ = (m for m in module.modules() if isinstance(m, nn.BatchNorm2d))
    one.register_forward_hook(lambda *_: None)
    one.register_buffer("more", torch.zeros(1))
    one.eval()
    one.momentum = None
    assert not two._forward_hooks
    assert "more" not in two.state_dict()
    assert two.training
    assert two.momentum == 0.1


def test_a_twin_works_as_its_model_does() -> None:
    model = nn.BatchNorm2d(3)
    other, x = twin(model), torch.randn(4, 3, 5, 5)
    same(other(x), model(x))
    same(other.state_dict(), model.state_dict())
    other(x)
    assert other.num_batches_tracked == 2
    assert model.num_batches_tracked == 1


def test_weights_are_drawn_in_order_whatever_is_alike() -> None:
    """He et al. 2015: a normal distribution of standard deviation sqrt(2 / fan)."""
    module = build(graph_of("input 64x8x8 net (CONV(64,3,p1)-RELU)*6"), seed=0)
    weights = [m.weight for m in module.modules() if isinstance(m, nn.Conv2d)]
    wanted = (2 / (64 * 9)) ** 0.5
    for weight in weights:
        assert abs(weight.std().item() / wanted - 1) < 0.02
        assert abs(weight.mean().item()) < 0.02 * wanted
    torch.manual_seed(0)
    for weight in weights:
        same(weight.data, torch.empty(64, 64, 3, 3).normal_(std=wanted))
