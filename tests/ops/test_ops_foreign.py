"""What other libraries call operations and arguments leads to ours."""

from __future__ import annotations

import pytest
from torch import nn

from blockdsl.ops import all_operations, foreign
from blockdsl.recipe import Recipe, terms_of


def known_arguments() -> set[str]:
    """Every argument of an operation, a term or a recipe."""
    declared = [*all_operations().values(), *(t for role in Recipe.roles for t in terms_of(role).values())]
    return {name for kind in declared for name in kind.arguments} | set(Recipe.arguments)


def test_every_argument_exists() -> None:
    assert {ours for names in foreign._ARGUMENTS.values() for ours in names} <= known_arguments()


def test_no_name_has_two_meanings() -> None:
    names = [name for operation in all_operations().values() for name in operation.aliases]
    assert all(foreign._plain(name) == name for name in names)
    assert len(names) == len(set(names))
    assert not set(names) & foreign.REMARKS.keys()


@pytest.mark.parametrize(
    ("module", "ours"),
    [
        (nn.Conv2d, "CONV"),
        (nn.ConvTranspose2d, "DECONV"),
        (nn.Conv1d, "CONV"),
        (nn.Conv3d, "CONV"),
        (nn.ConvTranspose3d, "DECONV"),
        (nn.BatchNorm2d, "BN"),
        (nn.BatchNorm3d, "BN"),
        (nn.InstanceNorm1d, "IN"),
        (nn.LPPool3d, "LPPOOL"),
        (nn.AdaptiveMaxPool1d, "AMP"),
        (nn.ReplicationPad3d, "PAD"),
        (nn.Softmax2d, "SOFTMAX"),
        (nn.MaxPool2d, "POOL"),
        (nn.AvgPool2d, "AVGPOOL"),
        (nn.Linear, "FC"),
        (nn.LayerNorm, "LN"),
        (nn.GroupNorm, "GN"),
        (nn.AdaptiveAvgPool2d, "AAP"),
        (nn.LocalResponseNorm, "LRN"),
        (nn.PixelShuffle, "DEPTHTOSPACE"),
        (nn.MultiheadAttention, "ATTENTION"),
    ],
)
def test_pytorch_modules(module: type[nn.Module], ours: str) -> None:
    assert foreign.counterpart(module.__name__) == ours


def test_pytorch_arguments_of_a_convolution() -> None:
    names = list(all_operations()["CONV"].arguments)
    assert foreign.argument("out_channels", names) == "out_channels is channels here"
    assert foreign.argument("kernel_size", names) == "kernel_size is kernel here"
    assert foreign.argument("padding", names) == "padding is pad here"
    assert foreign.argument("in_channels", names).startswith("leave out in_channels")
    assert foreign.argument("nothing_known", names) == ""
