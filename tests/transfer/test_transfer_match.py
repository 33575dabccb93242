"""Weights from elsewhere: which layer is which, and what is refused because it cannot be told.

What the carried weights compute is held against the references in `tests/zoo/test_proof.py`.
"""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

import blockdsl
from blockdsl.diagnostics import ArchError
from blockdsl.transfer import carry
from tests.references import torchvision_models

INPUT = (4, 8, 8)
UNIT = "(a:CONV(4,1,bias=no)-RELU-b:CONV(4,3,p1,bias=no)-RELU-c:CONV(8,1,bias=no) + d:CONV(8,1,bias=no))"
"""A bottleneck: c and d have one kind and size, and stand side by side."""
SIZES = {"a": (4, 4, 1), "b": (4, 4, 3), "c": (8, 4, 1), "d": (8, 4, 1)}


def foreign(**names: str) -> dict[str, Tensor]:
    """A state dict of the unit in the given order, names theirs=ours (`__` for a dot)."""
    state = {}
    for number, (name, own) in enumerate(names.items()):
        out, into, k = SIZES[own]
        state[f"{name.replace('__', '.')}.weight"] = torch.full((out, into, k, k), float(number))
    return state


def match(text: str, state: dict[str, Tensor], **options: object) -> dict[str, str]:
    """Ours -> theirs."""
    report = carry(state, blockdsl.parse(text, input=INPUT).ir, **options)[1]  # type: ignore[arg-type]
    return dict(report.matched)


def refusal(text: str, state: dict[str, Tensor], **options: object) -> str:
    with pytest.raises(ArchError) as refused:
        match(text, state, **options)
    return str(refused.value)


# --- the order of definition, and other orders


def test_the_order_of_definition_is_that_of_the_network() -> None:
    state = foreign(w="a", z="b", y="c", x="d")
    assert match(UNIT, state) == {"a": "w", "b": "z", "c": "y", "d": "x"}


def test_a_shortcut_defined_first_is_told_by_its_prefix() -> None:
    state = foreign(short="d", body__w="a", body__z="b", body__y="c")
    assert match(UNIT, state) == {"a": "body.w", "b": "body.z", "c": "body.y", "d": "short"}


def test_a_shortcut_defined_first_is_told_by_the_numbers_of_the_others() -> None:
    state = foreign(short="d", conv1="a", conv2="b", conv3="c")
    assert match(UNIT, state) == {"a": "conv1", "b": "conv2", "c": "conv3", "d": "short"}


def test_a_shortcut_defined_first_beside_names_without_numbers_is_refused() -> None:
    message = refusal(UNIT, foreign(z="d", w="a", y="b", x="c"))
    assert "cannot tell which layer is which: z and x are alike" in message
    assert "--map FILE" in message


def test_an_order_of_definition_that_tears_a_numbered_family_is_refused() -> None:
    message = refusal(UNIT, foreign(conv1="a", conv2="b", short="d", conv3="c"))
    assert "conv2 and conv3 would not follow each other" in message


def test_sorted_names_are_no_order() -> None:
    """As a .safetensors file has them: `c` and `d` could be either."""
    message = refusal(UNIT, foreign(a="a", b="b", c="c", d="d"))
    assert "alike" in message and "a .pth file may do" in message
    state = foreign(conv1="a", conv2="b", conv3="c", down="d")
    assert match(UNIT, state) == {"a": "conv1", "b": "conv2", "c": "conv3", "d": "down"}


def test_a_projection_that_could_be_the_first_layer_is_told_by_what_flows_in() -> None:
    """torchvision's RegNets: the projection, defined first, has the size of the branch's first layer."""
    text = "(a:CONV(6,1)-b:CONV(6,3,p1)-c:CONV(6,1)) + d:CONV(6,1)"
    sizes = {"proj": (6, 4, 1, 1), "f.x": (6, 4, 1, 1), "f.y": (6, 6, 3, 3), "f.z": (6, 6, 1, 1)}
    state = {}
    for name, size in sizes.items():
        state |= {f"{name}.weight": torch.zeros(size), f"{name}.bias": torch.zeros(6)}
    assert match(text, state) == {"a": "f.x", "b": "f.y", "c": "f.z", "d": "proj"}


def test_layers_apart_from_their_norms() -> None:
    """All convolutions in one list, all norms in another: the numbers say which follows which."""
    text = "c1:CONV(4,3,p1,bias=no)-n1:BN-c2:CONV(4,3,p1,bias=no)-n2:BN"

    class Lists(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convs = nn.ModuleList(nn.Conv2d(4, 4, 3, bias=False) for _ in range(2))
            self.norms = nn.ModuleList(nn.BatchNorm2d(4) for _ in range(2))

    found = match(text, Lists().state_dict())
    assert found == {"c1": "convs.0", "n1": "norms.0", "c2": "convs.1", "n2": "norms.1"}


def test_kernels_of_1x7_and_7x1_are_not_alike() -> None:
    text = "wide:CONV(4,1x7,pad=(0,3),bias=no)-tall:CONV(4,7x1,pad=(3,0),bias=no)"
    tall, wide = torch.zeros(4, 4, 7, 1), torch.zeros(4, 4, 1, 7)
    assert match(text, {"x.weight": wide, "y.weight": tall}) == {"wide": "x", "tall": "y"}
    assert match(text, {"y.weight": tall, "x.weight": wide}) == {"wide": "x", "tall": "y"}
    assert "first that only the network has: wide" in refusal(text, {"x.weight": tall, "y.weight": tall})


def test_a_kernel_over_the_whole_image_is_a_matrix() -> None:
    conv = nn.Conv2d(4, 10, 8)
    state = OrderedDict((f"fc.{name}", t) for name, t in conv.state_dict().items())
    network = blockdsl.parse("FLATTEN-FC(10)", input=INPUT)
    carried, _ = carry(state, network.ir)
    module = network.module(seed=0)
    module.load_state_dict(carried)
    x = torch.randn(2, *INPUT)
    assert torch.allclose(module(x), conv(x).flatten(1), atol=1e-5)


# --- other networks


def test_another_network_is_refused_with_the_first_difference() -> None:
    state = torchvision_models().resnet34().state_dict()
    with pytest.raises(ArchError) as refused:
        carry(state, blockdsl.load("resnet18").ir)
    assert str(refused.value).startswith(
        "error[weights]: the network has 41 layers with weights, the state dict 73; "
        "the first that only the state dict has: layer1.2.conv1 (64x64x3x3)"
    )


def test_layers_of_other_sizes_are_refused_by_name() -> None:
    state = torchvision_models().resnet18(num_classes=10).state_dict()
    with pytest.raises(
        ArchError, match=r"only the network has: fc1 \(1000x512\).*only the state dict has: fc \(10x512\)"
    ):
        carry(state, blockdsl.load("resnet18").ir)


def test_a_layer_without_its_bias_is_refused() -> None:
    message = refusal("CONV(8,3)", {"conv.weight": torch.zeros(8, 4, 3, 3)})
    assert "only the network has: conv1 (8x4x3x3)" in message


# --- what has no partner


def test_a_smaller_head_takes_the_first_outputs() -> None:
    state = torchvision_models().resnet18().state_dict()
    carried, report = carry(state, blockdsl.load("resnet18", settings={"classes": 10}).ir, partial=True)
    assert report.sliced == [("fc1", "fc")] and not report.missing and not report.unused
    assert torch.equal(carried["fc1.weight"], state["fc.weight"][:10])


def test_a_larger_head_keeps_its_initialisation() -> None:
    state = torchvision_models().resnet18(num_classes=10).state_dict()
    carried, report = carry(state, blockdsl.load("resnet18").ir, partial=True)
    assert (report.missing, report.unused, report.sliced) == (["fc1"], ["fc"], [])
    assert len(report.matched) == 40 and not any(name.startswith("fc") for name in carried)


def test_a_head_for_training_may_be_missing_with_its_norms() -> None:
    models = torchvision_models()
    state = models.inception_v3(aux_logits=False, init_weights=False).state_dict()
    _, report = carry(state, blockdsl.load("inception_v3").ir, partial=True)
    assert {name.partition(".")[0] for name in report.missing} == {"aux"} and len(report.missing) == 5
    assert not report.unused and not report.sliced


def test_which_of_several_layers_is_missing_is_not_guessed() -> None:
    text = "CONV(4,3,p1)-CONV(4,3,p1)-CONV(4,3,p1)"
    state = nn.Sequential(nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3)).state_dict()
    assert "different numbers of layers such as conv1 (4x4x3x3)" in refusal(text, state, partial=True)


# --- settled from outside


def test_pairs_settle_what_is_unclear() -> None:
    state = foreign(z="d", w="a", y="b", x="c")
    assert match(UNIT, state, pairs={"d": "z"}) == {"a": "w", "b": "y", "c": "x", "d": "z"}


def test_pairs_of_unknown_layers_are_refused() -> None:
    state = foreign(w="a", z="b", y="c", x="d")
    assert "the network has no layer e" in refusal(UNIT, state, pairs={"e": "x"})
    assert "the state dict has no layer v" in refusal(UNIT, state, pairs={"d": "v"})


def test_pairs_of_other_sizes_are_refused() -> None:
    state = foreign(w="a", z="b", y="c", x="d")
    assert "a (4x4x1x1) and z (4x4x3x3) have other sizes" in refusal(
        UNIT, state, pairs={"a": "z"}, partial=True
    )


# --- hostile sizes


def test_of_a_million_orders_a_few_are_enough_to_refuse() -> None:
    text = "-".join(["CONV(4,1,bias=no)"] * 40)
    state = {f"{family}{i}.weight": torch.zeros(4, 4, 1, 1) for family in "ab" for i in range(10, 30)}
    assert "either a29 or b10 may come first" in refusal(text, state)


def test_names_nested_without_end_are_refused() -> None:
    state = {".".join(["x"] * 5000): torch.zeros(4)}
    assert "more than 64 steps" in refusal("CONV(8,3)", state)
