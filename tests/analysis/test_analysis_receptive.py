"""Receptive fields against hand counts and against where gradients arrive."""

import pytest
import torch

import blockdsl


@pytest.mark.parametrize(
    "text",
    [
        "CONV(2,3,p1)-CONV(2,3,s2,p1)-CONV(2,3,p1)",
        "CONV(2,3,p2,d2)-AVGPOOL(2)-CONV(2,1x5,pad=0x2)",
        "CONV(2,3,s2,p1)-CONV(2,3,s2,p1)-UPSAMPLE(2)-CONV(2,3,p1)",
        "CONV(2,3,p1) + CONV(2,5,p2)-CONV(2,3,p1)",
        "CONV(2,3,p1) | ID",
        "DWCONV(3,p1)-CONV(2,1)-AVGPOOL(3,s2,p1)",
    ],
)
def test_gradients_arrive_within_the_field_and_fill_it(text: str) -> None:
    network = blockdsl.parse(text, input=(2, 48, 48))
    module = network.module(seed=0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(0.1)  # positive: nothing cancels
    x = torch.zeros(1, 2, 48, 48, requires_grad=True)
    y = module(x)
    reached = (0, 0)
    middle = y.shape[-1] // 2
    # Over neighbouring positions, for after upsampling they see fields of several sizes.
    for offset in range(2):
        (gradient,) = torch.autograd.grad(
            y[0, :, middle + offset, middle + offset].sum(), x, retain_graph=True
        )
        rows, columns = gradient[0].abs().sum(0).nonzero(as_tuple=True)
        reached = (
            max(reached[0], int(rows.max() - rows.min()) + 1),
            max(reached[1], int(columns.max() - columns.min()) + 1),
        )
    assert network.summary().receptive_field == reached


def test_vgg16_before_its_classifier() -> None:
    """212 pixels of pool5 (Araujo, Norris & Sim, Distill 2019, the table of models)."""
    layers = {layer.name: layer for layer in blockdsl.load("vgg16").summary().layers}
    fields = [layer.receptive_field for layer in layers.values() if layer.op == "POOL"]
    assert fields[-1] == (212, 212)


def test_global_pooling_and_gates_see_everything() -> None:
    summary = blockdsl.parse("ID * (GAP-SIGMOID)", input=(3, 9, 9)).summary()
    assert summary.receptive_field is None
    assert [layer.receptive_field for layer in summary.layers] == [None, None, None]


def test_a_vector_is_seen_whole() -> None:
    assert blockdsl.parse("FC(3)", input=(8,)).summary().receptive_field is None
