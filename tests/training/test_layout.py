"""How training lays networks and images out in memory."""

import pytest
import torch
from torch import nn

import blockdsl
from blockdsl.recipe import Recipe
from blockdsl.training import fit, load
from blockdsl.training.runtime import arranged


@pytest.fixture(scope="module")
def images():
    return load("digits", (1, 8, 8), validation=0.2, share=0.2)


@pytest.mark.parametrize(("width", "last"), [(16, True), (4, False)])
def test_networks_are_laid_out_as_their_graph_is_faster_and_right(images, width, last):
    """PyTorch's channels last computes narrow strided convolutions wrongly on a CPU, and writes where it
    should not: in such networks no tensor may come in that layout, images of one channel included.
    """
    w = width
    text = f"input 1x8x8 net CONV({w},3,p1)-RELU-CONV({w},1)-CONV({2 * w},3,s2,p1)-RELU-GAP-FC(10)"
    module = blockdsl.parse(text).module(seed=0)
    layouts = set()
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda _, args, y: layouts.add(y.is_contiguous()))
    fit(module, images, Recipe(), device="cpu", epochs=1)
    assert layouts == {not last}
    again = blockdsl.parse(text).module(seed=0)
    fit(again, images, Recipe(), device="cpu", epochs=1)
    weights = again.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in module.state_dict().items())


def test_images_of_one_channel_take_the_layout_of_the_weights():
    """Their strides alone say which layout they are in, and a convolution follows them."""
    x = torch.rand(2, 8, 8, 1).permute(0, 3, 1, 2)
    assert x.stride() == (64, 1, 8, 1)
    narrow = nn.Conv2d(1, 4, 3)
    assert arranged(x, narrow).stride() == (64, 64, 8, 1)
    assert narrow(arranged(x, narrow)).is_contiguous()


def test_a_network_from_elsewhere_keeps_its_layout(images):
    module = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))
    fit(module, images, Recipe(), device="cpu", epochs=1)
    assert module[0].weight.is_contiguous()
