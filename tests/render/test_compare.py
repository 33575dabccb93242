"""Comparisons: the numbers of the summaries, the errors by their words, the chart."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

import blockdsl
from blockdsl.analysis.compare import common_metric, entry, published
from blockdsl.cli import run
from blockdsl.render.chart import draw_marks

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # An ensemble's figure is not the network's.
        (
            [(6.67, "top-5 %, test, 7 networks, 144 crops"), (10.07, "top-5 %, one network, one crop")],
            {"top-5": 10.07},
        ),
        ([(16.4, "top-5 %, validation, average of 5 networks")], {}),
        ([(3.57, "top-5 %, ILSVRC-2015 test, ensemble of six")], {}),
        (
            [(0.31, "MNIST test %, committee of 7 (2012)"), (0.35, "MNIST test %, the best single network")],
            {"test": 0.35},
        ),
        # One crop before ten, wherever it stands.
        (
            [(27.88, "top-1 %, 10-crop"), (30.43, "top-1 %, 1-crop (top-5: 10.76); who")],
            {"top-1": 30.43, "top-5": 10.76},
        ),
        # The first where no crop is told.
        ([(7.33, "%, CIFAR-10, no augmentation"), (4.6, "%, CIFAR-10, with flips")], {"test": 7.33}),
        # What is no share of wrong answers is not quoted.
        ([(0.000353, "warping error, mean over 7 rotations")], {}),
        ([(29.9, "localization %, ILSVRC-2013 test: the winner")], {}),
    ],
)  # fmt: skip
def test_the_error_is_chosen_by_its_words(lines: list[tuple[float, str]], expected: dict[str, float]) -> None:
    assert {metric: figure.error for metric, figure in published(lines).items()} == expected


def test_the_numbers_are_those_of_the_summaries(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["alexnet", "googlenet", "resnet50", "lenet5"]
    assert run(["compare", *names, "--json"]) == 0
    for name, told in zip(names, json.loads(capsys.readouterr().out), strict=True):
        summary = blockdsl.load(name).summary()
        assert told["name"] == name
        assert (told["params"], told["macs"], told["depth"]) == (summary.params, summary.macs, summary.depth)
        assert told["activations"] == summary.memory.activations
        field = summary.receptive_field
        assert told["receptive_field"] == (None if field is None else list(field))
    assert run(["compare", *names]) == 0
    table = capsys.readouterr().out
    for text in (
        "60,965,224",
        "3,857,973,248",
        "24.7 % top-1",
        "10.07 % top-5",
        "top-1 %, 1-crop (top-5: 7.8)",
    ):
        assert text in table


def test_the_metric_that_most_have() -> None:
    def named(*errors: tuple[float, str]) -> object:
        return entry("net", "", blockdsl.parse("FC(2)", input=(4,)).summary(), errors)

    both, five, none = named((20.0, "top-1 % (top-5: 5.0)")), named((8.0, "top-5 %")), named()
    assert common_metric([both, five, none]) == "top-5"  # type: ignore[list-item]
    assert common_metric([both]) == "top-1"  # type: ignore[list-item]
    assert common_metric([none]) is None  # type: ignore[list-item]


def test_the_chart_places_the_networks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "chart.svg"
    names = ["resnet18", "resnet50", "resnet152", "lenet5"]
    assert run(["compare", *names, "-o", str(out)]) == 0
    assert capsys.readouterr().err == f"note: no top-1 error is published in LeNet-5\nwrote {out}\n"
    drawn = ElementTree.parse(out)
    texts = {"".join(text.itertext()).strip() for text in drawn.iter(f"{SVG}text")}
    assert {"ResNet-18", "ResNet-50", "ResNet-152", "top-1 accuracy [%], as published"} <= texts
    assert "LeNet-5" not in texts


def test_marks_stand_at_operations_and_accuracy_their_area_the_parameters() -> None:
    names = ["resnet18", "resnet50", "googlenet", "vgg16"]
    entries = []
    for name in names:
        network = blockdsl.load(name)
        entries.append(entry(name, network.title, network.summary(), network.program.meta.errors))
    axes = Figure().add_subplot()
    draw_marks(axes, entries, "top-5")
    marks = axes.collections[0]
    summaries = [blockdsl.load(name).summary() for name in names]
    offsets = [tuple(offset) for offset in marks.get_offsets()]
    assert [number for offset in offsets for number in offset] == pytest.approx(
        [
            number
            for pair in zip(
                [s.macs / 1e9 for s in summaries],
                [100 - 10.76, 100 - 7.8, 100 - 10.07, 100 - 8.1],
                strict=True,
            )
            for number in pair
        ]
    )
    areas = marks.get_sizes()
    params = [s.params - s.params_aux for s in summaries]
    assert [area / areas[0] for area in areas] == pytest.approx([count / params[0] for count in params])


def test_the_page_has_chart_and_table(tmp_path: Path) -> None:
    out = tmp_path / "chart.html"
    assert run(["compare", "resnet18", "resnet34", "-o", str(out)]) == 0
    text = out.read_text()
    assert "<svg" in text
    assert "<td>11,689,512</td>" in text
    assert "30.43 % top-1" in text
