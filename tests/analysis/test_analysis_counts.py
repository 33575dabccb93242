"""Counts and depth against what papers and names say, and against built modules."""

import pytest

import blockdsl


@pytest.mark.parametrize(
    ("name", "depth"),
    [
        ("resnet18", 18),
        ("resnet50", 50),
        ("resnet152", 152),
        ("vgg16", 16),
        ("densenet121", 121),
        ("alexnet", 8),
    ],
)
def test_depth_is_the_number_in_the_name(name: str, depth: int) -> None:
    assert blockdsl.load(name).summary().depth == depth


def test_googlenet_has_22_layers_without_its_heads() -> None:
    """ "22 layers deep when counting only layers with parameters" (Szegedy et al. 2014, section 5)."""
    summary = blockdsl.load("googlenet").summary()
    assert summary.depth == 22
    assert summary.params - summary.params_aux == 6_998_552  # BVLC's model without heads, with biases


def test_alexnet_has_the_lecture_notes_figures() -> None:
    summary = blockdsl.load("alexnet").summary()
    assert summary.params == 60_965_224
    by_name = {layer.name: layer for layer in summary.layers}
    assert by_name["conv1"].params == 34_944
    assert [by_name[n].shape for n in ("conv1", "pool1", "pool5")] == [
        (96, 55, 55),
        (96, 27, 27),
        (256, 6, 6),
    ]


@pytest.mark.parametrize("name", ["alexnet", "resnet18", "googlenet", "densenet121", "lenet5_1998"])
def test_parameters_are_those_of_the_module(name: str) -> None:
    network = blockdsl.load(name)
    module = network.module(device="meta")
    assert network.summary().params == sum(p.numel() for p in module.parameters())
    buffers = sum(b.numel() for b in module.buffers())
    assert network.summary().memory.weights == 4 * (network.summary().params + buffers)


def test_macs_are_those_of_inference() -> None:
    text = "CONV(4,1)-AUX(side, GAP-FLATTEN-FC(7))-GAP-FLATTEN-FC(5)"
    summary = blockdsl.parse(text, input=(3, 8, 8)).summary()
    assert summary.macs == 4 * 3 * 64 + 4 * 5
    assert summary.params == (4 * 3 + 4) + (4 * 7 + 7) + (4 * 5 + 5)
    assert summary.params_aux == 4 * 7 + 7


def test_lines_point_into_the_text() -> None:
    summary = blockdsl.parse("input 3x8x8\nnet CONV(4,1)\n   -RELU\n").summary()
    assert [(layer.op, layer.line) for layer in summary.layers] == [("CONV", 2), ("RELU", 3)]
