"""Comparisons: the numbers of the summaries, the errors by their words, the chart."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

import blockdsl
from blockdsl.analysis.compare import Entry, Published, common_metric, entry, published
from blockdsl.cli import run
from blockdsl.render.complexity import figure_of

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
            [(0.31, "MNIST %, test, committee of 7"), (0.35, "MNIST %, test, the best single network")],
            {"MNIST": 0.35},
        ),
        # One crop before ten, wherever it stands.
        (
            [(27.88, "top-1 %, 10-crop"), (30.43, "top-1 %, 1-crop (top-5: 10.76); who")],
            {"top-1": 30.43, "top-5": 10.76},
        ),
        # Each data set is a metric of its own; what was trained with augmentation comes first.
        (
            [(7.3, "CIFAR-10 %, no augmentation"), (4.6, "CIFAR-10 %, flips"), (20, "CIFAR-100 %, test")],
            {"CIFAR-10": 4.6, "CIFAR-100": 20},
        ),
        ([(7.33, "CIFAR-10 %, no augmentation")], {"CIFAR-10": 7.33}),
        # The first where no crop is told.
        ([(8.1, "top-5 %, validation, dense"), (7.4, "top-5 %, test, 10-crop")], {"top-5": 8.1}),
        # Nobody knows what this is an error of.
        ([(5.0, "%, test")], {}),
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
        field = summary.receptive_field["y"]["x"]
        assert told["receptive_field"] == {"y": {"x": None if field is None else list(field)}}
    assert run(["compare", *names]) == 0
    table = capsys.readouterr().out
    for text in (
        "60,965,224",
        "6,998,552",
        "3,857,973,248",
        "24.7 %",
        "10.07 %",
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
    assert capsys.readouterr().err == f"note: no top-1 error is published in lenet5\nwrote {out}\n"
    drawn = ElementTree.parse(out)
    texts = {"".join(text.itertext()).strip() for text in drawn.iter(f"{SVG}text")}
    assert {"resnet18", "resnet50", "resnet152", "top-1 accuracy [%], 1-crop, as published"} <= texts
    assert "lenet5" not in texts


def test_marks_stand_at_operations_and_accuracy_their_area_the_parameters() -> None:
    names = ["resnet18", "resnet50", "googlenet", "vgg16"]
    marks = figure_of(blockdsl.compare(*names).entries, "top-5").axes[1].collections[0]
    summaries = {name: blockdsl.load(name).summary() for name in names}
    params = {name: s.params - s.params_aux for name, s in summaries.items()}
    # Small marks are drawn upon large ones.
    order = sorted(names, key=lambda name: -params[name])
    errors = {"resnet18": 10.76, "resnet50": 7.8, "googlenet": 10.07, "vgg16": 9.9}
    expected = [number for name in order for number in (summaries[name].macs / 1e9, 100 - errors[name])]
    assert [number for offset in marks.get_offsets() for number in offset] == pytest.approx(expected)
    areas = marks.get_sizes()
    assert [area / areas[0] for area in areas] == pytest.approx([params[n] / params[order[0]] for n in order])


def test_the_page_has_chart_and_table(tmp_path: Path) -> None:
    out = tmp_path / "chart.html"
    assert run(["compare", "resnet18", "resnet34", "-o", str(out)]) == 0
    text = out.read_text()
    assert "<svg" in text
    assert "<td>11,689,512</td>" in text
    assert "<td>30.43 %</td><td>10.76 %</td>" in text


SPACE = """input 1x8x8
block layer = {ID, RELU-CONV(4,1), RELU-CONV(4,3,p1)}
net CONV(4,1)-layer*2-GAP-FC(10)
search
    maximize accuracy
    minimize params
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A study of nine assignments whose accuracies are read from a table: the more 3x3, the better."""
    monkeypatch.chdir(tmp_path)
    Path("s.arch").write_text(SPACE)
    networks = {f"{a},{b}": {"accuracy": [0.5 + 0.2 * [a, b].count(2)]} for a in range(3) for b in range(3)}
    choices = [f"layer[{i}].choice[1]" for i in (1, 2)]
    Path("t.json").write_text(json.dumps({"choices": choices, "networks": networks}))
    assert run(["search", "s.arch", "--table", "t.json", "--sampler", "grid", "--trials", "20"]) == 0
    capsys.readouterr()


@pytest.mark.usefixtures("study")
def test_trials_of_a_study_enter_with_what_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", "study:s-t", "lenet5_1998", "--json"]) == 0
    *trials, lenet = json.loads(capsys.readouterr().out)
    # A 1x1 convolution of 4 to 4 channels has 20 parameters, a 3x3 one 148; the rest has 8 + 50.
    # Seven networks: identities may stand anywhere, 1 + 2 + 4.
    measured = sorted((one["params"], one["errors"]["validation"]["error"]) for one in trials)
    assert measured == [(58, 50), (78, 50), (98, 50), (206, 30), (226, 30), (226, 30), (354, 10)]
    assert {one["study"] for one in trials} == {"s-t"}
    assert lenet["study"] is None and list(lenet["errors"]) == ["MNIST"]
    assert run(["compare", "study:s-t", "--best", "2", "--json"]) == 0
    # The front comes first, from the most accurate.
    assert [one["params"] for one in json.loads(capsys.readouterr().out)] == [354, 206]


@pytest.mark.usefixtures("study")
def test_the_chart_tells_measured_from_published(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(["compare", "study:s-t", "lenet5_1998", "resnet18", "--error", "top-1", "-o", "chart.svg"]) == 0
    )
    assert capsys.readouterr().err == "note: no top-1 error is published in lenet5_1998\nwrote chart.svg\n"
    texts = {"".join(text.itertext()).strip() for text in ElementTree.parse("chart.svg").iter(f"{SVG}text")}
    assert {
        "filled: validation accuracy on digits, as measured",
        "outlined: top-1 accuracy as published, each on its own data",
        "resnet18",
    } <= texts
    assert sum(text.startswith("study:s-t:") for text in texts) == 7
    assert run(["compare", "study:s-t", "-o", "chart.svg"]) == 0
    texts = {"".join(text.itertext()).strip() for text in ElementTree.parse("chart.svg").iter(f"{SVG}text")}
    assert "validation accuracy [%] on digits, as measured" in texts


def test_of_many_trials_those_that_none_beats_have_names() -> None:
    network = blockdsl.load("lenet5").summary()
    trials = [
        Entry(
            f"study:s:{n}",
            f"trial {n}",
            network,
            {"validation": Published(50 - n, "")},
            study="s",
            data="digits",
        )
        for n in range(30)
    ]
    published = entry("lenet5", "LeNet-5", network, [(1.0, "MNIST %, test")])
    axes = figure_of([*trials, published], "MNIST").axes[1]
    assert {text.get_text() for text in axes.texts} - {""} == {"study:s:29", "lenet5"}


@pytest.mark.usefixtures("study")
@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["study:s-u"], "error[study]: there is no study s-u in runs\n  help: did you mean s-t?\n"),
        (["study:"], "error[study]: the study has no name\n  help: there is s-t\n"),
        (["study:s-t", "--storage", "x.txt"], "error[storage]: x.txt is no storage"),
        (["lenet5", "--best", "3"], "error[option]: --best and --storage are about a study"),
    ],
)
def test_studies_that_are_none(command: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", *command]) == 1
    assert capsys.readouterr().err.startswith(message)
    assert [folder.name for folder in Path("runs").iterdir()] == ["s-t"]
