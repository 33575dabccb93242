"""The families of the zoo: `make test` takes the first network of each, `make test-long` the rest."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from _pytest.mark import ParameterSet

FAMILIES = (
    "lenet5_1998",
    "lenet5",
    "ciresan_mlp ciresan_mlp_9",
    "alexnet alexnet_single_tower alexnet_two_towers caffenet",
    "zfnet zfnet_b",
    "overfeat_fast overfeat_accurate",
    "nin_cifar10 nin_imagenet",
    "vgg11 vgg13 vgg16 vgg19",
    "vgg11_bn vgg13_bn vgg16_bn vgg19_bn",
    "googlenet bn_inception inception_module_naive inception_module_reduced",
    "inception_v3 inception_v4",
    "inception_resnet_v1 inception_resnet_v1_facenet inception_resnet_v2",
    "resnet20 resnet32 resnet44 resnet56 resnet110 resnet1202 stochastic_depth_110",
    "resnet18 resnet34",
    "resnet50 resnet101 resnet152 resnet50_v1_5 resnet101_v1_5 resnet152_v1_5",
    "plain20 plain32 plain44 plain56 plain110",
    "plain18 plain34",
    "preact_resnet164 preact_resnet200 preact_resnet1001",
    "wrn_16_8 wrn_28_10 wrn_40_4 wrn_50_2",
    "resnext50_32x4d",
    "se_resnet50",
    "densenet121 densenet161 densenet169 densenet201",
    "densenet_40_12 densenet_100_12 densenet_100_24",
    "densenet_bc_100_12 densenet_bc_190_40 densenet_bc_250_24",
    "fractalnet_20 fractalnet_20_doubling",
    "fractalnet_ultra_5 fractalnet_ultra_10 fractalnet_ultra_20 fractalnet_ultra_40"
    " fractalnet_ultra_80 fractalnet_ultra_160",
    "squeezenet1_1 squeezenet1_0",
    "xception",
    "mobilenet_v1",
    "mobilenet_v2 mnasnet1_0",
    "mobilenet_v3_small mobilenet_v3_large",
    "shufflenet_v1",
    "shufflenet_v2",
    "efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4",
    "regnety_400mf regnetx_400mf",
    "convnext_tiny",
    "darts_v2 nasnet_a_mobile",
    "hrnet_w18",
    "resnet50_fpn",
    "yolov5s",
    "unet",
    "vit_b_16",
    "siamese",
    "r3d_18",
    "m5",
    "tcn",
    "dcgan dcgan_discriminator",
)

FIRST = frozenset(family.split()[0] for family in FAMILIES)
"""One network of each family."""


def split(names: Iterable[str], first: Iterable[str] = FIRST) -> list[ParameterSet]:
    """Names of networks for `parametrize`; those that are not among `first` are marked `long`."""
    return [pytest.param(n, marks=() if n in first else pytest.mark.long) for n in names]
