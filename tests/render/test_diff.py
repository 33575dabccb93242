"""Differences of networks: none for the same one, the right blocks for known pairs, costs that add up."""

import json
from pathlib import Path

import pytest

import blockdsl
from blockdsl.analysis.changes import Change, summed_up
from blockdsl.analysis.diff import diff, every_change
from blockdsl.cli import run

PAIRS = [
    ("resnet50", "resnet50_v1_5"),
    ("resnet18", "resnet34"),
    ("resnet34", "resnet50"),
    ("vgg16", "vgg19"),
    ("vgg16", "vgg16_bn"),
    ("resnet50", "se_resnet50"),
    ("densenet121", "densenet169"),
    ("plain18", "resnet18"),
    ("googlenet", "bn_inception"),
    ("alexnet", "lenet5"),
    ("inception_module_naive", "inception_module_reduced"),
    ("mobilenet_v2", "efficientnet_b0"),
]


def changes(one: str, two: str) -> list[Change]:
    return diff(blockdsl.load(one).ir, blockdsl.load(two).ir)


def parsed(one: str, two: str) -> list[Change]:
    return diff(*(blockdsl.parse(text, input=(8, 16, 16)).ir for text in (one, two)))


@pytest.mark.parametrize(("one", "two"), PAIRS)
def test_what_changes_cost_is_what_the_networks_differ_by(one: str, two: str) -> None:
    found = changes(one, two)
    before, after = blockdsl.load(one).summary(), blockdsl.load(two).summary()
    assert sum(change.delta.params for change in found) == after.params - before.params
    assert sum(change.delta.macs for change in found) == after.macs - before.macs


@pytest.mark.parametrize(("one", "two"), PAIRS)
def test_what_is_told_in_short_costs_the_same(one: str, two: str) -> None:
    told = summed_up(every_change(blockdsl.load(one).ir, blockdsl.load(two).ir))
    before, after = blockdsl.load(one).summary(), blockdsl.load(two).summary()
    assert len(told) <= len(changes(one, two))
    assert sum(change.delta.params for change in told) == after.params - before.params
    assert sum(change.delta.macs for change in told) == after.macs - before.macs


def test_blocks_of_other_names_that_hold_the_same_are_gone_into() -> None:
    # Both files have 13 convolutions; the second one normalises after each.
    every = changes("vgg16", "vgg16_bn")
    assert {(change.kind, change.after) for change in every} == {("added", "BN")}
    assert len(every) == 13
    (told,) = summed_up(every)
    assert (told.kind, told.after, told.times) == ("added", "BN", 13)
    assert told.path == "stage_bn[1].conv_bn[1].bn[1] to stage_bn[5].conv_bn[3].bn[1]"
    assert told.delta.params == 8448  # 2 * (2*64 + 2*128 + 3*256 + 6*512)


def told(one: str, two: str, kinds: str) -> list[tuple[str, str]]:
    """The layers before and after of changes of some kinds, of which no activations."""
    return [(c.before, c.after) for c in changes(one, two) if c.kind in kinds.split() and c.after != "RELU"]


def test_layers_are_compared_across_the_borders_of_blocks() -> None:
    # Zeiler & Fergus 2013, section 4.1: layer 1 has 7x7 filters at stride 2 in place of 11x11 at 4; model
    # (b) of table 2 has 512, 1024 and 512 maps in layers 3 to 5. Our file has blocks around layers 1 and 2.
    changed = [pair for pair in told("alexnet", "zfnet_b", "changed") if pair[0].startswith("CONV")]
    assert changed == [
        ("CONV(96,11,stride=4)", "CONV(96,7,stride=2,pad=1)"),
        ("CONV(256,5,pad=2,groups=2)", "CONV(256,5,stride=2)"),
        ("CONV(384,3,pad=1)", "CONV(512,3,pad=1)"),
        ("CONV(384,3,pad=1,groups=2)", "CONV(1024,3,pad=1)"),
        ("CONV(256,3,pad=1,groups=2)", "CONV(512,3,pad=1)"),
    ]


def test_the_reduced_inception_module_has_three_convolutions_more() -> None:
    # Szegedy et al. 2014, figure 2: 1x1 before 3x3, before 5x5, and behind the pool; nothing is gone.
    found = changes("inception_module_naive", "inception_module_reduced")
    added = [c.after for c in found if c.kind == "added"]
    assert [text[:12] for text in added] == ["conv(c=64, k"] * 3 and all("k=1" in text for text in added)
    assert {c.kind for c in found} == {"added", "fed"}


def blocked(layers: str, name: str, into: list[int]) -> blockdsl.Architecture:
    """A chain of layers, some of them in blocks of their own."""
    parts = layers.split("-")
    blocks, net, start = "", [], 0
    for number, size in enumerate(into):
        inside = "-".join(parts[start : start + size])
        blocks += f"block {name}{number}() = {inside}\n"
        net.append(f"{name}{number}")
        start += size
    return blockdsl.parse(f"input 3x16x16\n{blocks}net {'-'.join([*net, *parts[start:]])}")


@pytest.mark.parametrize("into", [[], [1, 2], [3, 3], [2, 1, 2, 1], [6]])
def test_blocks_do_not_hide_what_changed(into: list[int]) -> None:
    before = "CONV(8,3,p1)-RELU-POOL(2)-CONV(16,3,p1)-BN-RELU-CONV(4,1)"
    after = before.replace("CONV(16,3,p1)", "CONV(16,5,p2)").replace("POOL(2)", "AVGPOOL(2)")
    found = diff(blocked(before, "part", [2, 2]).ir, blocked(after, "piece", into).ir)
    assert [(c.kind, c.before, c.after) for c in found if c.kind == "changed"] == [
        ("changed", "CONV(16,3,pad=1)", "CONV(16,5,pad=2)")
    ]
    assert sorted((c.before, c.after) for c in found if c.kind in ("added", "removed")) == [
        ("", "AVGPOOL(2)"),
        ("POOL(2)", ""),
    ]


def test_only_numbered_neighbours_are_told_as_one() -> None:
    paths = [
        c.path
        for c in summed_up(every_change(blockdsl.load("googlenet").ir, blockdsl.load("inception_v3").ir))
    ]
    assert "inception4e" in paths and "inception5a" in paths
    assert all(path.count("[") == path.count("]") for path in paths)


def test_many_changes_are_told_by_block(capsys: pytest.CaptureFixture[str]) -> None:
    # He et al. 2015, table 1: 34 and 50 layers have the same numbers of units, basic and bottleneck.
    assert run(["diff", "resnet34", "resnet50"]) == 0
    out = capsys.readouterr().out
    for stage, units, channels in ((1, 3, 64), (2, 4, 128), (3, 6, 256), (4, 3, 512)):
        times = f"[2..{units}] ({units - 1} times)"
        # The first 3x3 becomes 1x1, a third convolution comes with its ReLU; sum and last ReLU are wider.
        assert f"~ stage[{stage}].unit{times}: basic(c={channels}) -> bottleneck(c={channels}), 5" in out
    assert "told in short; --all tells each of the " in out
    assert run(["diff", "resnet34", "resnet50", "--all"]) == 0
    every = capsys.readouterr().out
    assert "told in short" not in every
    assert len(every.splitlines()) > 3 * len(out.splitlines())


def test_what_is_left_out_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # Ten times two layers, none of which the other has: 40 changes.
    for name, layer in (("a", "CONV({},1)-RELU"), ("b", "DWCONV(3,multiplier={},pad=1)-TANH")):
        text = "-".join(layer.format(1 + number % 2) for number in range(10))
        Path(f"{name}.arch").write_text(f"input 3x8x8\nnet {text}\n")
    assert run(["diff", "a.arch", "b.arch"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line[:1] in ("+", "-", "~", ">", "…")]
    assert len(lines) == 21
    assert lines[-1].startswith("… and ")


def test_resnet34_is_resnet18_with_more_units() -> None:
    # He et al. 2015, table 1: 2, 2, 2, 2 units become 3, 4, 6, 3.
    found = [(change.kind, change.path, change.times) for change in changes("resnet18", "resnet34")]
    assert found == [
        ("added", "stage[1].unit[3]", 1),
        ("added", "stage[2].unit[3..4]", 2),
        ("added", "stage[3].unit[3..6]", 4),
        ("added", "stage[4].unit[3]", 1),
    ]


def test_vgg19_is_vgg16_with_a_fourth_convolution_in_three_stages() -> None:
    found = [(change.kind, change.path, change.after) for change in changes("vgg16", "vgg19")]
    assert found == [
        ("added", "stage[3].conv[4]", "conv(c=256)"),
        ("added", "stage[4].conv[4]", "conv(c=512)"),
        ("added", "stage[5].conv[4]", "conv(c=512)"),
    ]


def test_v1_5_moves_the_stride_of_three_units() -> None:
    found = [c for c in changes("resnet50", "resnet50_v1_5") if c.kind == "changed"]
    assert [c.path for c in found] == [
        f"stage[{stage}].unit[1].conv[{conv}].conv[1]" for stage in (2, 3, 4) for conv in (1, 2)
    ]
    assert found[0].before == "CONV(128,1,stride=2,bias=no)"
    assert found[0].after == "CONV(128,1,bias=no)"
    assert {c.kind for c in changes("resnet50", "resnet50_v1_5")} == {"changed", "fed"}


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "fractalnet_20"])
def test_a_network_does_not_differ_from_itself(name: str) -> None:
    assert changes(name, name) == []


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("CONV(8,3,p1)-RELU-CONV(8,3,p1)-RELU", "block c = CONV(8,3,p1)-RELU net c*2"),
        ("CONV(8,3,p1)-RELU", "net a:CONV(8, 3, pad=1)-b:RELU"),
        ("ID + CONV(8,1)", "CONV(8,1) + ID"),
    ],
)
def test_the_same_network_in_other_words_does_not_differ(one: str, two: str) -> None:
    assert parsed(one, two) == []


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [
        ("CONV(8,3,p1)-RELU", "CONV(8,3,p1)-BN-RELU", [("added", "bn[1]", "", "BN")]),
        ("CONV(8,3,p1)-BN-RELU", "CONV(8,3,p1)-RELU", [("removed", "bn[1]", "BN", "")]),
        (
            "CONV(8,3,p1)-RELU",
            "CONV(8,5,p2)-RELU",
            [("changed", "conv[1]", "CONV(8,3,pad=1)", "CONV(8,5,pad=2)")],
        ),
        (
            "CONV(8,1)-CONV(4,1)",
            "CONV(6,1)-CONV(4,1)",
            [("changed", "conv[1]", "CONV(8,1)", "CONV(6,1)"), ("fed", "conv[2]", "8x16x16", "6x16x16")],
        ),
        # The same layers, but the shortcut begins elsewhere.
        (
            "block f = let a = in-CONV(8,3,p1) let b = a-RELU a + b net f",
            "block f = let a = in-CONV(8,3,p1) let b = a-RELU in + b net f",
            [("rewired", "f[1].sum[1]", "f[1].conv[1], f[1].relu[1]", "input, f[1].relu[1]")],
        ),
        (
            "AUX(side, GAP-FC(2), weight=0.3)-FC(2)",
            "AUX(side, GAP-FC(2), weight=0.5)-FC(2)",
            [("changed", "side", "weight 0.3", "weight 0.5")],
        ),
    ],
)  # fmt: skip
def test_small_differences(one: str, two: str, expected: list[tuple[str, str, str, str]]) -> None:
    found = parsed(one, two)
    assert [(c.kind, c.path, c.before, c.after) for c in found] == expected


def test_the_command_tells_blocks_and_costs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "vgg16", "vgg19"]) == 0
    # A 3x3 convolution of 512 channels has 512 * (512 * 9 + 1) parameters.
    assert capsys.readouterr().out == (
        "VGG-16 -> VGG-19\n"
        "parameters  138,357,544 -> 143,667,240 (+5,309,696)\n"
        "MACs        15,470,264,320 -> 19,632,062,464 (+4,161,798,144)\n"
        "activations 115,206,048 -> 125,642,656 bytes (+10,436,608)\n"
        "depth       16 -> 19 (+3)\n"
        "\n"
        "+ stage[3].conv[4]: conv(c=256)\n"
        "      +590,080 parameters, +1,849,688,064 MACs\n"
        "+ stage[4].conv[4]: conv(c=512)\n"
        "      +2,359,808 parameters, +1,849,688,064 MACs\n"
        "+ stage[5].conv[4]: conv(c=512)\n"
        "      +2,359,808 parameters, +462,422,016 MACs\n"
    )
    assert run(["diff", "vgg16", "vgg16"]) == 0
    assert capsys.readouterr().out == "VGG-16 -> VGG-16\nthe same network\n"


def test_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["diff", "resnet18", "resnet34", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["same"] is False
    assert told["changes"][0] == {
        "kind": "added",
        "path": "stage[1].unit[3]",
        "before": "",
        "after": "basic(c=64)",
        "times": 1,
        "params": 2 * (64 * 64 * 9 + 2 * 64),
        "macs": 2 * 64 * 64 * 9 * 56 * 56,
        # Two convolutions, two normalisations, the sum, and two activations of 64x56x56 floats.
        "memory": 7 * 64 * 56 * 56 * 4,
    }
