"""The published errors, against the tables of the papers, and where they say they come from."""

from __future__ import annotations

import re

import pytest

import blockdsl
from blockdsl.resources import names

Line = tuple[float, str, str]
"""An error, what must stand among its words, and the place in the paper."""

TABLES: dict[str, list[Line]] = {
    # Krizhevsky et al. (2012), table 2.
    "alexnet": [
        (18.2, "top-5 %, validation, 10-crop, one network (top-1: 40.7)", "table 2"),
        (16.4, "average of 5 networks (top-1: 38.1)", "table 2"),
        (15.3, "top-5 %, test, 7 networks (validation: 15.4)", "table 2"),
    ],
    # Zeiler & Fergus (2014), table 2.
    "zfnet": [(16.5, "top-5 %, validation", "table 2"), (14.8, "top-5 %, test, 6 networks", "table 2")],
    "zfnet_b": [(16.0, "(top-1: 37.5)", "table 2"), (16.1, "top-5 %, test, one network", "table 2")],
    # Sermanet et al. (2013), table 2; the test set in figure 4.
    "overfeat_fast": [
        (16.39, "dense, 4 scales, fine stride, one network (top-1: 38.57)", "table 2"),
        (16.27, "dense, 6 scales, fine stride, one network (top-1: 38.12)", "table 2"),
    ],
    "overfeat_accurate": [
        (14.18, "dense, 4 scales, fine stride, one network (top-1: 35.74)", "table 2"),
        (13.6, "top-5 %, test, 7 networks (validation: 13.24)", "figure 4"),
    ],
    # Simonyan & Zisserman (2015), tables 3 (one scale), 4 (several) and 7 (the entry of 2014).
    "vgg11": [(10.4, "scale 256, one network (top-1: 29.6)", "table 3")],
    "vgg13": [(9.9, "scale 256, one network (top-1: 28.7)", "table 3")],
    "vgg16": [
        (8.1, "scale 384, one network (top-1: 25.6)", "table 3"),
        (7.5, "validation, dense evaluation at scales 256, 384, 512, one network (top-1: 24.8)", "table 4"),
        (7.3, "test, the entry of 2014: 7 networks", "table 7"),
    ],
    "vgg19": [
        (8.0, "scale 384, one network (top-1: 25.5)", "table 3"),
        (7.5, "validation, dense evaluation at scales 256, 384, 512, one network (top-1: 24.8)", "table 4"),
        (7.3, "test, dense evaluation at scales 256, 384, 512, one network", "section 4.2"),
    ],
    # Szegedy et al. (2015), tables 2 and 3.
    "googlenet": [
        (10.07, "one network, 1-crop", "table 3"),
        (6.67, "7 networks, 144-crop", "tables 2 and 3"),
    ],
    # Ioffe & Szegedy (2015), figure 4.
    "bn_inception": [
        (25.2, "1-crop (top-5: 7.82)", "figure 4"),
        (21.99, "144-crop (top-5: 5.82)", "figure 4"),
        (4.82, "top-5 %, test, 6 networks (validation: 4.9)", "figure 4"),
    ],
    # Szegedy et al. (2016), abstract and section 10: 48,238 of the 50,000 images.
    "inception_v3": [(21.2, "without its blacklisted images", "section 10")],
    # Szegedy et al. (2017), arXiv: table 2 on the same images, table 4 on all.
    "inception_v4": [
        (20.0, "without its blacklisted images, one network, 1-crop (top-5: 5.0)", "table 2"),
        (17.7, "144-crop (top-5: 3.8)", "table 4"),
    ],
    "inception_resnet_v1": [
        (21.3, "without its blacklisted images, one network, 1-crop (top-5: 5.5)", "table 2"),
        (18.8, "144-crop (top-5: 4.3)", "table 4"),
    ],
    "inception_resnet_v2": [
        (19.9, "without its blacklisted images, one network, 1-crop (top-5: 4.9)", "table 2"),
        (17.8, "144-crop (top-5: 3.7)", "table 4"),
    ],
    # He et al. (2016), tables 2, 3 and 6.
    "plain18": [(27.94, "top-1 %, 10-crop", "table 2")],
    "plain34": [(28.54, "top-1 %, 10-crop", "table 2")],
    "resnet18": [(27.88, "top-1 %, 10-crop, with option A", "table 2")],
    "resnet34": [(25.03, "with option A", "table 2"), (24.52, "option B (C: 24.19)", "table 3")],
    "resnet20": [(8.75, "CIFAR-10 %", "table 6")],
    "resnet32": [(7.51, "CIFAR-10 %", "table 6")],
    "resnet44": [(7.17, "CIFAR-10 %", "table 6")],
    "resnet56": [(6.97, "CIFAR-10 %", "table 6")],
    "resnet110": [(6.43, "best of five runs (mean 6.61, deviation 0.16)", "table 6")],
    "resnet1202": [(7.93, "CIFAR-10 %", "table 6")],
    # Zagoruyko & Komodakis (2016), table 5.
    "wrn_40_4": [(4.53, "CIFAR-10 %", "table 5"), (21.18, "CIFAR-100 %", "table 5")],
    "wrn_16_8": [(4.27, "CIFAR-10 %", "table 5"), (20.43, "CIFAR-100 %", "table 5")],
    # Lin et al. (2014), table 1.
    "nin_cifar10": [(10.41, "without augmentation", "table 1"), (8.81, "shifted and mirrored", "table 1")],
    # Zhang et al. (2018), table 2: 1x, three groups.
    "shufflenet_v1": [(32.6, "top-1 %", "table 2")],
    # Dosovitskiy et al. (2021), table 5: 77.91 % right.
    "vit_b_16": [(22.09, "trained on ImageNet alone, fine-tuned at 384x384", "table 5")],
    # Zoph et al. (2018), table 3: 74.0 and 91.6 % right.
    "nasnet_a_mobile": [(26.0, "1-crop (top-5: 8.4)", "table 3")],
    # Liu et al. (2019), table 1.
    "darts_v2": [(2.76, "mean of several runs (deviation 0.09)", "table 1")],
    # Ronneberger et al. (2015), table 1.
    "unet": [(0.000353, "warping error", "table 1"), (0.0382, "Rand error", "table 1")],
}


@pytest.mark.parametrize("name", TABLES)
def test_the_figures_are_those_of_the_papers(name: str) -> None:
    errors = blockdsl.load(name).program.meta.errors
    for figure, said, place in TABLES[name]:
        assert [w for error, w in errors if error == figure and said in w and place in w.split("; ", 1)[1]]


@pytest.mark.parametrize("name", names("zoo"))
def test_a_paper_is_quoted_with_the_place(name: str) -> None:
    """Whoever wants to look it up knows where."""
    for _, words in blockdsl.load(name).program.meta.errors:
        source = words.split("; ", 1)[1]
        if re.search(r"\b(?:paper|arXiv|chapter)\b", source):
            assert re.search(r"\b(?:tables?|figure|section) \d|\babstract\b", source), words
