"""The table: its whole text, folding, JSON."""

import pytest

import blockdsl
from blockdsl.analysis.folding import Row
from blockdsl.analysis.table import cells
from blockdsl.formatting import bytes_text


def rows(text: str, *shape: int, expand: bool = False) -> list[Row]:
    return list(blockdsl.parse(text, input=shape or None).summary().rows(expand=expand))


def test_the_whole_table() -> None:
    blocks = 'title "Small"\ninput 3x8x8\nblock unit(c) = CONV(c,3,p1)-RELU\n'
    text = f"{blocks}net unit(4)-unit(4)*3-GAP-FLATTEN-FC(10)"
    assert str(blockdsl.parse(text).summary()) == WHOLE


# By hand: 606 = 112 + 3 * 148 + 50; at the peak two maps of 1,024 bytes beside 2,424 of weights; for
# training weights and gradients, the input, four ReLUs' outputs and the vector that FC reads.
WHOLE = """\
Small: 3x8x8 -> 10

layer     operation        output  parameters   MACs   memory
-------------------------------------------------------------
unit1                      4x8x8          112  6,912  2.05 kB
  conv1   CONV(4,3,pad=1)  4x8x8          112  6,912  1.02 kB
  relu1   RELU             4x8x8                      1.02 kB
unit2 ×3                   4x8x8          148  9,216  2.05 kB
  conv1   CONV(4,3,pad=1)  4x8x8          148  9,216  1.02 kB
  relu1   RELU             4x8x8                      1.02 kB
gap1      GAP              4x1x1                         16 B
flatten1  FLATTEN          4
fc1       FC(10)           10              50     40     40 B
-------------------------------------------------------------
parameters  606
MACs        34,600 per sample
depth       5 layers with weights on the longest path
sees        the whole input
weights     2.42 kB
activations 9.02 kB per sample
inference   4.47 kB at the peak, for one sample
training    9.73 kB for one sample, optimizer's state not counted"""


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("(CONV(3,3,p1)-RELU)*5", [("", 5), ("conv1", 1), ("relu1", 1)]),
        ("RELU*4-TANH", [("relu1", 4), ("tanh1", 1)]),
        # A projection beside a unit of the same counts is no repetition: it begins somewhere else.
        ("CONV(3,1)-BN + CONV(3,1)-BN", [("conv1", 1), ("bn1", 1), ("conv2", 1), ("bn2", 1), ("sum1", 1)]),
        ("CONV(3,1)-CONV(3,3,p1)", [("conv1", 1), ("conv2", 1)]),
    ],
)
def test_folding(text: str, folded: list[tuple[str, int]]) -> None:
    assert [(row.name, row.times) for row in rows(text, 3, 8, 8)] == folded


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "densenet121", "fractalnet_20_doubling"])
def test_folded_rows_add_up_to_the_totals(name: str) -> None:
    summary = blockdsl.load(name).summary()
    for expand in (False, True):
        total, repeats = 0, [1]
        for row in summary.rows(expand=expand):
            del repeats[row.level + 1 :]
            repeats.append(repeats[-1] * row.times)
            if row.text:  # a layer; rows of blocks sum up what is below them
                total += row.params * repeats[-1]
        assert total == summary.params


def test_every_layer_is_a_row_when_expanded() -> None:
    summary = blockdsl.load("resnet50").summary()
    shown = [row for row in summary.rows(expand=True) if row.text]
    assert len(shown) == len(summary.layers)
    assert all(row.times == 1 for row in summary.rows(expand=True))


def test_blocks_inside_blocks_without_end_of_the_stack() -> None:
    text = "block nest(n) = if n == 0 then RELU else TANH-nest(n-1)\nnet nest(150)"
    assert len(rows(f"input 8\n{text}")) == 151 + 151  # blocks and layers


def test_json() -> None:
    found = blockdsl.parse('title "T"\ninput 3x8x8\nnet CONV(4,3)-RELU').summary().to_dict()
    assert found["title"] == "T"
    assert found["inputs"] == {"x": {"shape": [3, 8, 8], "layout": "image"}}
    assert found["outputs"] == {"y": {"shape": [4, 6, 6], "layout": "image"}}
    assert found["params"] == 4 * 3 * 9 + 4
    assert found["macs"] == 4 * 3 * 9 * 36
    assert set(found["memory"]) == {"weights", "activations", "inference", "training"}
    assert all(isinstance(count, int) for count in found["memory"].values())
    (conv, relu) = found["layers"]
    wanted = {"name": "conv1", "op": "CONV", "shape": [4, 6, 6], "params": 112, "macs": 3888, "line": 3}
    assert {key: conv[key] for key in wanted} == wanted
    assert relu["name"] == "relu1"


def test_a_notebook_shows_a_table() -> None:
    html = blockdsl.parse("CONV(4,3)*2", input=(3, 8, 8)).summary()._repr_html_()
    assert html.count("<tr>") == 3
    assert "CONV(4,3)" in html


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (12_340, "12.3 kB"), (999_400, "999 kB"),
     (999_600, "1.00 MB"), (243_860_896, "244 MB"), (10**18, "1000 PB")],
)  # fmt: skip
def test_bytes(count: int, text: str) -> None:
    assert bytes_text(count) == text


def test_tables_round_what_json_and_python_keep() -> None:
    summary = blockdsl.parse("DROPPATH(1/108)-SCALE(2.0)-SCALE(2.00001)", input=(4,)).summary()
    exact = ["DROPPATH(0.009259259259259259)", "SCALE(2)", "SCALE(2.00001)"]
    assert [layer.text for layer in summary.layers] == exact
    assert [cells(row)[1] for row in summary.rows()] == ["DROPPATH(0.009259)", "SCALE(2)", "SCALE(2.00001)"]
    assert exact[0] not in str(summary) and exact[0] not in summary._repr_html_()
