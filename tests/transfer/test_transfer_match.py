"""Weights from elsewhere: which layer is which, and what is refused because it cannot be told.

What the carried weights compute is held against the references in `tests/zoo/test_proof.py`.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import permutations

import pytest
import torch
from torch import Tensor, nn

import blockdsl
from blockdsl.diagnostics import ArchError
from blockdsl.transfer import State, carry
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


def test_the_order_of_registration_decides_only_where_it_is_trusted() -> None:
    state = foreign(w="a", z="b", y="c", x="d")
    message = refusal(UNIT, state)
    assert "y and x fit c and d in either order" in message
    assert "\n    c = y\n    d = x\n" in message and "--trust-order" in message
    assert match(UNIT, state, trust_order=True) == {"a": "w", "b": "z", "c": "y", "d": "x"}
    assert match(UNIT, foreign(w="a", z="b", x="d", y="c"), trust_order=True)["c"] == "x"


def test_a_name_that_both_have_decides() -> None:
    """Whole, or as a word: in any order of registration."""
    for state in (foreign(d="d", a="a", b="b", c="c"), foreign(d_proj="d", c_proj="c", b="b", a="a")):
        found = match(UNIT, state)
        assert (found["c"][0], found["d"][0]) == ("c", "d")


def test_a_shortcut_defined_first_is_told_by_its_prefix() -> None:
    state = foreign(short="d", body__w="a", body__z="b", body__y="c")
    assert match(UNIT, state) == {"a": "body.w", "b": "body.z", "c": "body.y", "d": "short"}


def test_a_shortcut_defined_first_is_told_by_the_numbers_of_the_others() -> None:
    state = foreign(short="d", conv1="a", conv2="b", conv3="c")
    assert match(UNIT, state) == {"a": "conv1", "b": "conv2", "c": "conv3", "d": "short"}


def test_a_shortcut_defined_first_beside_names_without_numbers_is_refused() -> None:
    assert "z and x fit c and d" in refusal(UNIT, foreign(z="d", w="a", y="b", x="c"))


def test_an_order_of_registration_that_tears_a_numbered_family_is_refused() -> None:
    """conv3 does not follow conv2 in that order; what has no order is told by its numbers."""
    state = foreign(conv1="a", conv2="b", short="d", conv3="c")
    assert "conv3 and short fit c and d" in refusal(UNIT, state)
    unordered = State(state)
    unordered.ordered = False
    assert match(UNIT, unordered) == {"a": "conv1", "b": "conv2", "c": "conv3", "d": "short"}


def test_sorted_names_are_no_order() -> None:
    """As a .safetensors file has them; a file whose names happen to be sorted keeps its order."""
    state = foreign(p="a", q="b", r="c", s="d")
    assert match(UNIT, state, trust_order=True)["c"] == "r"
    unordered = State(state)
    unordered.ordered = False
    message = refusal(UNIT, unordered, trust_order=True)
    assert "r and s fit c and d" in message and "a .pth file keeps the order" in message


def test_parallel_layers_registered_in_another_order_are_never_taken_by_order() -> None:
    """r(q(x)) + p(x) against CONV-RELU-CONV + CONV; q, k, v; branches of equal layers."""
    chain = "(CONV(4,1,bias=no)-RELU-CONV(4,1,bias=no)) + CONV(4,1,bias=no)"
    three = "[CONV(4,1,bias=no), CONV(4,1,bias=no), CONV(4,1,bias=no)]-CAT"
    for text in (chain, three):
        for names in permutations(("q", "k", "v")):
            state = {f"{name}.weight": torch.zeros(4, 4, 1, 1) for name in names}
            assert "fit conv[1], conv[2] and conv[3] in more than one order" in refusal(text, state)
    labelled = three.replace("[C", "[q:C").replace(" C", " k:C", 1).replace(" C", " v:C", 1)
    for names in permutations(("to_q", "to_k", "to_v")):
        state = {f"{name}.weight": torch.zeros(4, 4, 1, 1) for name in names}
        assert match(labelled, state) == {"q": "to_q", "k": "to_k", "v": "to_v"}


@pytest.mark.parametrize("names", [("convs.0", "convs.1"), ("conv1", "conv2"), ("left", "right")])
def test_selective_kernels_two_branches_are_alike(names: tuple[str, str]) -> None:
    """3x3 and dilated 3x3, with their norms: numbers of layers side by side are only an order."""
    text = "((CONV(4,3,p1,bias=no)-BN) + (CONV(4,3,p2,d2,bias=no)-BN))-CONV(8,1)"
    branch = nn.Sequential(nn.Conv2d(4, 4, 3, bias=False), nn.BatchNorm2d(4))
    for order in (names, names[::-1]):
        state = {f"{name}.{k}": v for name in order for k, v in branch.state_dict().items()}
        state |= {f"out.{k}": v for k, v in nn.Conv2d(4, 8, 1).state_dict().items()}
        message = refusal(text, state)
        assert " fit (conv[1] … bn[1]) and (conv[2] … bn[2]) in either order" in message
        assert all(name in message for name in names)
        report = carry(state, blockdsl.parse(text, input=INPUT).ir, trust_order=True)[1]
        assert dict(report.by_order) == {
            f"{kind}{i + 1}": f"{order[i]}.{k}" for i in (0, 1) for k, kind in enumerate(("conv", "bn"))
        }
        assert dict(report.matched)["conv3"] == "out"


def test_elan_by_the_names_of_both_sides() -> None:
    """YOLOv7's: cv1 to cv5 with branches side by side, in its order of registration and the reverse."""
    cb = "CONV(4,{k},pad={k}//2,bias=no)-BN"
    one, three = cb.format(k=1), cb.format(k=3)
    text = f"[cv1:({one}), cv2:({one})-cv3:({three})-cv4:({three})]-CAT-cv5:({one.replace('(4', '(8')})"
    made = {
        f"cv{i}": nn.Sequential(nn.Conv2d(c, o, k, bias=False), nn.BatchNorm2d(o))
        for i, c, o, k in ((1, 4, 4, 1), (2, 4, 4, 1), (3, 4, 4, 3), (4, 4, 4, 3), (5, 8, 8, 1))
    }
    for order in (list(made), list(made)[::-1]):
        state = {f"model.{name}.{k}": v for name in order for k, v in made[name].state_dict().items()}
        found = match(text, state)
        assert len(found) == 10
        assert all(own.split(".")[0] == other.split(".")[1] for own, other in found.items())


def test_a_chain_of_cells_of_two_inputs() -> None:
    """As NASNet's: each takes the outputs of the two before it, its branches are told by their names."""
    text = """
input 4x8x8
block cell(prev) = [left: CONV(4,3,p1)-BN, right: prev-CONV(4,3,p1)-BN]-SUM-out:CONV(4,1)
block cells(prev, n) = if n == 0 then ID else step(prev, n)
block step(prev, n) =
    let out = in-cell(prev)
    out-cells(in, n-1)
net
    let s = in-s:CONV(4,1)
    s-cells(s, 5)
"""
    branch = nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4))
    cell = nn.ModuleDict({"out": nn.Conv2d(4, 4, 1), "comb_right": branch, "comb_left": branch})
    net = nn.ModuleDict({"stem": nn.Conv2d(4, 4, 1), **{f"cell_{i}": cell for i in range(5)}})
    found = dict(carry(net.state_dict(), blockdsl.parse(text).ir)[1].matched)
    assert len(found) == 26 and found["s"] == "stem"
    for own, other in found.items():
        sides = [side for side in ("left", "right", "out") if side in own]
        assert all(side in other for side in sides), (own, other)
    order = [other.split(".")[0] for own, other in found.items() if own != "s"]
    assert order == sorted(order)


def separable(kernel: int) -> nn.ModuleDict:
    made = {}
    for i in (1, 2):
        depth, point = nn.Conv2d(4, 4, kernel, groups=4, bias=False), nn.Conv2d(4, 4, 1, bias=False)
        made[f"separable_{i}"] = nn.ModuleDict({"depthwise_conv2d": depth, "pointwise_conv2d": point})
        made[f"bn_sep_{i}"] = nn.BatchNorm2d(4)
    return nn.ModuleDict(made)


@pytest.mark.parametrize("labelled", [True, False])
def test_nested_cells_of_two_inputs_by_their_names(labelled: bool) -> None:
    """NASNet's names: branches of equal shapes side by side, in any order of registration."""
    text = """
input 4x8x8
block sep(k) =
    RELU-separable_1:(CONV(4,k,pad=k//2,g4,bias=no)-CONV(4,1,bias=no))-bn_sep_1:BN-
    RELU-separable_2:(CONV(4,k,pad=k//2,g4,bias=no)-CONV(4,1,bias=no))-bn_sep_2:BN
block cell(prev) =
    let left = prev-RELU-conv_prev_1x1:(CONV(4,1,bias=no)-BN)
    let right = in-RELU-conv_1x1:(CONV(4,1,bias=no)-BN)
    let c0 = [right-comb_iter_0_left:sep(5), left-comb_iter_0_right:sep(3)]-SUM
    let c1 = [left-comb_iter_1_left:sep(5), left-comb_iter_1_right:sep(3)]-SUM
    [left, c0, c1]-CAT-reduce:CONV(4,1,bias=no)
net
    let a = in-cell_0:cell(in)
    let b = a-cell_1:cell(in)
    let c = b-cell_2:cell(a)
    c-cell_3:cell(b)
"""
    if not labelled:
        for i in range(4):
            text = text.replace(f"cell_{i}:", "")
    point = nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4))
    cell = nn.ModuleDict(
        {"conv_prev_1x1": point, "conv_1x1": point, "reduce": nn.Conv2d(12, 4, 1, bias=False)}
    )
    for i in (0, 1):
        cell.update({f"comb_iter_{i}_left": separable(5), f"comb_iter_{i}_right": separable(3)})
    state = nn.ModuleDict({f"cell_{i}": cell for i in range(4)}).state_dict()
    for order in (list(state), list(state)[::-1], sorted(state)):
        found = match(text, {name: state[name] for name in order})
        assert len(found) == 4 * 29
        for own, other in found.items():
            ours, theirs = own.split("."), other.split(".")
            assert ours[1] == theirs[1]
            assert int(ours[0].strip("cel_")) + (0 if labelled else -1) == int(theirs[0].strip("cel_"))


def test_prefixes_whose_layers_are_all_side_by_side_are_no_modules() -> None:
    """Which of the 1x1 convolutions belongs to which of the others, nothing says."""
    text = "[CONV(4,1), CONV(4,3,p1), CONV(4,1), CONV(4,5,p2)]-CAT"
    state: dict[str, Tensor] = {}
    for name, kernel in (("a.x", 1), ("a.y", 3), ("b.x", 1), ("b.z", 5)):
        state |= {f"{name}.{k}": v for k, v in nn.Conv2d(4, 4, kernel).state_dict().items()}
    assert "a.x and b.x fit conv[1] and conv[3] in either order" in refusal(text, state)


def test_reductions_of_equal_size_are_told_by_what_follows_them() -> None:
    text = "[CONV(4,1)-RELU-CONV(4,3,p1), CONV(4,1)-RELU-CONV(4,5,p2)]-CAT"
    for names in (("a.0", "a.1", "b.0", "b.1"), ("b.x", "b.a", "a.y", "a.z")):
        made = dict(zip(names, (1, 3, 1, 5), strict=True))
        for order in (names, names[::-1]):
            state: dict[str, Tensor] = {}
            for name in order:
                state |= {f"{name}.{k}": v for k, v in nn.Conv2d(4, 4, made[name]).state_dict().items()}
            assert list(match(text, state).values()) == list(names)


def test_a_block_of_the_last_stages_shapes_may_be_its_first_unit() -> None:
    """Inception-ResNet-v2's `block8` after ten units of the same shapes: only order says where it stands."""
    unit = nn.Sequential(nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4))
    net = nn.ModuleDict({"repeat": nn.Sequential(*[unit] * 3), "last": unit})
    text = "(CONV(4,1,bias=no)-BN-RELU)*4"
    message = refusal(text, net.state_dict())
    assert "repeat" in message and "last" in message
    found = match(text, net.state_dict(), trust_order=True)
    assert list(found.values())[-1] == "last.1"


def test_names_as_in_caffe_count_groups_and_their_layers() -> None:
    text = "-".join(["CONV(4,1,bias=no)"] * 6)
    names = [f"conv{group}_{i}" for group in (1, 2) for i in (1, 2, 3)]
    state = {f"{name}.weight": torch.zeros(4, 4, 1, 1) for name in names}
    assert list(match(text, state, trust_order=True).values()) == names


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


@pytest.mark.parametrize(
    ("text", "layer", "shape"),
    [
        ("CONV(6,1)", nn.Linear(4, 6), (6, 4, 1, 1)),
        ("CONV(6,1)", nn.Conv1d(4, 6, 1), (6, 4, 1, 1)),
        ("GAP-FLATTEN-FC(6)", nn.Conv2d(4, 6, 1), (6, 4)),
        ("GAP-FLATTEN-FC(6)", nn.Conv1d(4, 6, 1), (6, 4)),
        ("CONV(6,3x1)", nn.Conv1d(4, 6, 3), (6, 4, 3, 1)),
    ],
)
def test_layers_of_other_ranks_carry_into_each_other(
    text: str, layer: nn.Module, shape: tuple[int, ...]
) -> None:
    state = {f"x.{name}": tensor for name, tensor in layer.state_dict().items()}
    carried, _ = carry(state, blockdsl.parse(text, input=INPUT).ir)
    (weight,) = (tensor for name, tensor in carried.items() if name.endswith("weight"))
    assert weight.shape == shape
    assert torch.equal(weight.flatten(), state["x.weight"].flatten())


def test_numbers_beside_each_other_are_no_evidence_even_if_ours_are_the_same() -> None:
    """Automatic names of ours are conv1, conv2, conv3 too, in another order than the reference has."""
    text = "(CONV(4,1,bias=no)-RELU-CONV(4,1,bias=no)) + CONV(4,1,bias=no)"
    for order in permutations((1, 2, 3)):
        state = {f"conv{i}.weight": torch.zeros(4, 4, 1, 1) for i in order}
        assert "fit conv[1], conv[2] and conv[3]" in refusal(text, state)


def test_numbers_decide_in_series_in_any_order_of_registration() -> None:
    text = "-".join(["CONV(4,1,bias=no)-RELU"] * 12)
    for order in (range(12), sorted(range(12), key=str), range(11, -1, -1)):
        state = {f"layers.{i}.weight": torch.zeros(4, 4, 1, 1) for i in order}
        assert list(match(text, state).values()) == [f"layers.{i}" for i in range(12)]


def test_the_order_of_execution_is_right_where_it_is_trusted() -> None:
    text = "[CONV(4,1,bias=no)-BN, CONV(4,1,bias=no)-BN]-CAT-CONV(4,1,bias=no)"
    branch = nn.Sequential(nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4))
    made = {"b": branch, "a": branch, "c": nn.Conv2d(8, 4, 1, bias=False)}
    state = {f"{name}.{k}": v for name, module in made.items() for k, v in module.state_dict().items()}
    assert match(text, state, trust_order=True) == {
        "conv1": "b.0", "bn1": "b.1", "conv2": "a.0", "bn2": "a.1", "conv3": "c",
    }  # fmt: skip


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
    _, report = carry(state, blockdsl.load("inception_v3").ir, partial=True, trust_order=True)
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
    assert "the network has no layer or block e" in refusal(UNIT, state, pairs={"e": "x"})
    assert "the state dict has no layer or prefix v" in refusal(UNIT, state, pairs={"d": "v"})


def test_pairs_of_other_sizes_are_refused() -> None:
    state = foreign(w="a", z="b", y="c", x="d")
    assert "a (4x4x1x1) and z (4x4x3x3) have other sizes" in refusal(
        UNIT, state, pairs={"a": "z"}, partial=True
    )


# --- hostile sizes


def test_of_a_million_orders_a_few_are_enough_to_refuse() -> None:
    text = "-".join(["CONV(4,1,bias=no)"] * 40)
    state = {f"{family}{i}.weight": torch.zeros(4, 4, 1, 1) for family in "ab" for i in range(10, 30)}
    assert "a10, a11, … b29 fit conv[1], conv[2], … conv[40] in more than one order" in refusal(text, state)


def test_names_nested_without_end_are_refused() -> None:
    state = {".".join(["x"] * 5000): torch.zeros(4)}
    assert "more than 64 steps" in refusal("CONV(8,3)", state)
