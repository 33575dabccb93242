"""From LeNet-5 to the Inception-ResNets: counts, shapes of every layer, dropout.

Their outputs and auxiliary heads are compared in `test_proof`.

The nets they are held against are written from the papers in `classic_nets`, or come from
torchvision, timm and pytorchcv, with what is known to differ set right.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import blockdsl
from blockdsl.ops.conv import Conv
from blockdsl.ops.dropout import Dropout
from tests.zoo import classic_nets as nets

Maker = Callable[[], nn.Module]


def lenet5_1998() -> nn.Module:
    layers = {layer.name: layer.operation for layer in blockdsl.load("lenet5_1998").ir.layers()}
    c3 = layers["c3"]
    assert isinstance(c3, Conv) and c3.table is not None
    return nets.LeNet5(c3.table)


OWN: dict[str, Maker] = {
    "lenet5": nets.lenet5,
    "lenet5_1998": lenet5_1998,
    "ciresan_mlp": lambda: nets.ciresan([2500, 2000, 1500, 1000, 500]),
    "ciresan_mlp_9": lambda: nets.ciresan([1000] * 9),
    "alexnet": nets.TwoTowers,
    "alexnet_two_towers": nets.towers_apart,
    "alexnet_single_tower": lambda: nets.pool_then_norm(groups=1, k=2),
    "caffenet": lambda: nets.pool_then_norm(groups=2, k=1),
    "zfnet": lambda: nets.zfnet(384, 384, 256),
    "zfnet_b": lambda: nets.zfnet(512, 1024, 512),
    "overfeat_fast": nets.overfeat_fast,
    "overfeat_accurate": nets.overfeat_accurate,
    "nin_cifar10": lambda: nets.nin(
        3, [(192, 5, 1, 2, 160, 96), (192, 5, 1, 2, 192, 192), (192, 3, 1, 1, 192, 10)]
    ),
    "nin_imagenet": lambda: nets.nin(
        3,
        [
            (96, 11, 4, 0, 96, 96),
            (256, 5, 1, 2, 256, 256),
            (384, 3, 1, 1, 384, 384),
            (1024, 3, 1, 1, 1024, 1000),
        ],
    ),
    "inception_module_naive": nets.naive_module,
    "inception_module_reduced": lambda: nets.inception(256, 128, 64, 192, 64, 96, 64),
    "bn_inception": nets.bn_inception,
}

FIGURES = {
    # LeCun et al. 1998: 156 + 12 + 1,516 + 32 + 48,120 + 10,164; products of C1, C3, C5 and F6
    "lenet5_1998": (60_000, 117_600 + 150_000 + 48_000 + 10_080),
    # the tutorials' 61,706; full C3 takes 6 x 16 planes of 25 weights at 100 positions
    "lenet5": (61_706, 117_600 + 240_000 + 48_000 + 10_080 + 840),
    # Ciresan et al. 2010, table 1: 12.11 and 8.86 million weights
    "ciresan_mlp": (12_107_500 + 7_510, 12_107_500),
    "ciresan_mlp_9": (8_851_000 + 9_010, 8_851_000),
    # BVLC's alexnet and caffenet: 60,954,656 weights and 10,568 biases
    "alexnet": (60_954_656 + 10_568, 724_406_816),
    "alexnet_two_towers": (60_954_656 + 10_568, 724_406_816),
    "caffenet": (60_954_656 + 10_568, 724_406_816),
    # pytorchcv 0.0.74: alexnet (which normalises before pooling), zfnet, zfnetb
    "alexnet_single_tower": (62_378_344, 1_135_256_096),
    "zfnet": (62_357_608, 1_168_032_896),
    "zfnet_b": (107_627_624, 2_476_704_896),
    # the ends of the released weight files, in overfeat-torch's run.lua
    "overfeat_fast": (145_919_872 + 1_000, 2_801_403_904),
    "overfeat_accurate": (144_655_488 + 1_000, 5_355_446_784),
    # torchvision 0.28, num_params and _ops of the weights
    "vgg11": (132_863_336, 7_609_090_048),
    "vgg13": (133_047_848, 11_308_466_176),
    "vgg16": (138_344_128 + 13_416, 15_470_264_320),
    "vgg19": (143_652_544 + 14_696, 19_632_062_464),
    "vgg11_bn": (132_868_840, 7_609_090_048),
    "vgg13_bn": (133_053_736, 11_308_466_176),
    "vgg16_bn": (138_365_992, 15_470_264_320),
    "vgg19_bn": (143_678_248, 19_632_062_464),
    # the first author's Caffe files: 29 MB for ImageNet
    "nin_cifar10": (966_986, 222_486_528),
    "nin_imagenet": (7_589_920 + 5_256, 1_100_188_800),
    # the lecture notes' example: 28*28 * 256 * (128 + 9*192 + 25*96); reduced with 1x1 to 64
    "inception_module_naive": (256 * (128 + 9 * 192 + 25 * 96) + 416, 784 * 256 * (128 + 1728 + 2400)),
    "inception_module_reduced": (
        256 * 320 + 64 * (9 * 192 + 25 * 96) + 608,
        784 * (256 * 320 + 64 * (1728 + 2400)),
    ),
    # bvlc_googlenet's deploy.prototxt, and the two heads of its train_val.prototxt
    "googlenet": (6_998_552 + 3_188_840 + 3_190_888, 1_582_671_872),
    # caffe-googlenet-bn: weights, gammas and betas, biases of the classifier
    "bn_inception": (11_174_080 + 19_904 + 1_000, 2_018_851_840),
    # torchvision 0.28; timm 1.0.31; pytorchcv 0.0.74
    "inception_v3": (27_161_264, 5_713_216_096),
    "inception_v4": (42_679_816, 12_253_974_624),
    "inception_resnet_v2": (55_843_464, 13_155_794_016),
    "inception_resnet_v1_facenet": (23_995_624, 6_308_235_360),
    # the release for Caffe at 227x227: 1.72 GFLOPS, which are two for each product
    "squeezenet1_0": (1_248_424, 861_339_936),
    "squeezenet1_1": (1_235_496, 387_747_520),
}
"""Parameters and multiply-accumulates from elsewhere."""


@pytest.mark.parametrize("name", FIGURES)
def test_counts_are_those_of_the_paper_or_the_release(name: str) -> None:
    summary = blockdsl.load(name).summary()
    assert (summary.params, summary.macs) == FIGURES[name]


def test_inception_resnet_v1_is_facenets_without_its_last_module_and_its_bottleneck() -> None:
    module = 2 * 1792 * 192 + 2 * 3 * 192 * 192 + 384 * 1792  # products at each of 8x8 positions
    norms_and_biases = 4 * 2 * 192 + 1792
    bottleneck = 1792 * 512 + 2 * 512 + 512 * 1000
    facenet = blockdsl.load("inception_resnet_v1_facenet").summary()
    paper = blockdsl.load("inception_resnet_v1").summary()
    assert paper.params == facenet.params - module - norms_and_biases - bottleneck + 1792 * 1000
    assert paper.macs == facenet.macs - 64 * module - 1792 * 512 - 512 * 1000 + 1792 * 1000


# --- layer by layer

LAYERS = nn.Conv2d, nn.Linear, nn.MaxPool2d, nn.AvgPool2d


@pytest.mark.parametrize("name", [n for n in OWN if n not in ("lenet5_1998", "alexnet")])
def test_every_layer_has_the_shape_and_the_weights_of_the_same_net_in_torch(name: str) -> None:
    architecture = blockdsl.load(name)
    with torch.device("meta"):
        net, x = OWN[name](), torch.empty(1, *architecture.input_shape)
    theirs: list[tuple[tuple[int, ...], int]] = []

    def record(layer: nn.Module, _: object, out: Tensor) -> None:
        theirs.append((tuple(out.shape[1:]), sum(p.numel() for p in layer.parameters())))

    for module in net.modules():
        if isinstance(module, LAYERS):
            module.register_forward_hook(record)
    net(x)
    graph = architecture.ir
    ours = []
    for layer in graph.layers():
        if layer.operation.name in ("CONV", "FC", "POOL", "AVGPOOL"):
            weights = layer.operation.weights(*graph.input_shapes(layer))
            ours.append((layer.shape, sum(map(math.prod, weights.values()))))
    assert ours == theirs


HALF = 0.5
DROPOUTS = {
    "alexnet": [("RELU", HALF, "test"), ("RELU", HALF, "test")],  # section 4.2: after fc6 and fc7
    "zfnet": [("RELU", HALF, "train")] * 2,  # section 3: in layers 6 and 7
    "overfeat_fast": [("RELU", HALF, "train")] * 2,  # section 3.1: on layers 6 and 7
    "overfeat_accurate": [("RELU", HALF, "train")] * 2,
    "vgg16": [("RELU", HALF, "train")] * 2,  # section 3.1: the first two fully connected layers
    "nin_cifar10": [("POOL", HALF, "train")] * 2,  # after the pools of all layers but the last
    "nin_imagenet": [("POOL", HALF, "train")],  # drop before conv4
    "googlenet": [("RELU", 0.7, "train"), ("RELU", 0.7, "train"), ("AVGPOOL", 0.4, "train")],  # section 5
    "inception_v4": [("GAP", 0.2, "train")],  # figure 9: keep 0.8
    "squeezenet1_0": [("CAT", HALF, "train")],  # section 4.3: after fire9
}


@pytest.mark.parametrize("name", DROPOUTS)
def test_dropout_stands_where_the_paper_has_it(name: str) -> None:
    graph = blockdsl.load(name).ir
    before = {layer.id: layer.operation.name for layer in graph.layers()}
    found = [
        (before[layer.inputs[0].node], layer.operation.p, layer.operation.rescale)
        for layer in graph.layers()
        if isinstance(layer.operation, Dropout)
    ]
    assert found == DROPOUTS[name]


# --- what no count shows


def test_lenet5s_codes_are_pictures_of_black_and_white() -> None:
    codes = blockdsl.load("lenet5_1998").module(seed=0).get_buffer("output.codes")
    assert set(codes.flatten().tolist()) == {-1.0, 1.0}
    assert len({tuple(row) for row in codes.tolist()}) == 10


def test_alexnets_normalisation_does_not_cross_the_towers() -> None:
    """Channels 47 and 48 are neighbours in the tensor, but live on two GPUs."""
    norm = blockdsl.load("alexnet").module(device="cpu", dtype=torch.float64, seed=0).get_submodule("norm1")
    x = torch.ones(1, 96, 1, 1, dtype=torch.float64)
    louder = x.clone()
    louder[:, 48:] = 100
    assert torch.equal(norm(x)[:, :48], norm(louder)[:, :48])
