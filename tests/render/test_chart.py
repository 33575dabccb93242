"""The chart as it is drawn: no text on a mark or another text, nothing outside of the canvas."""

import random
from itertools import combinations, cycle
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

import blockdsl
from blockdsl.analysis.compare import CROPS_NOT_TOLD, ONE_CROP, SEVERAL_CROPS, Entry, Published
from blockdsl.comparison import Comparison
from blockdsl.render.complexity import figure_of
from blockdsl.render.legend import short
from blockdsl.resources import names

Box = tuple[float, float, float, float]
SUMMARY = blockdsl.parse("FC(2)", input=(4,)).summary()
PROTOCOLS = (ONE_CROP, SEVERAL_CROPS, CROPS_NOT_TOLD)


@pytest.fixture(scope="module")
def zoo() -> Comparison:
    return blockdsl.compare(*names("zoo"))


def network(name: str, macs: int, params: int, error: float, protocol: str = ONE_CROP) -> Entry:
    costs = {"macs": macs, "params": params, "params_aux": 0}
    summary = type(SUMMARY)(
        **{field: costs.get(field, getattr(SUMMARY, field)) for field in SUMMARY.__slots__}
    )
    return Entry(name, "", summary, {"top-1": Published(error, "", protocol)})


def texts_of(figure: Figure) -> list[tuple[str, Box]]:
    figure.draw_without_rendering()
    shown = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [(text.get_text(), text.get_window_extent().extents) for text in shown]


def marks_of(figure: Figure) -> list[Box]:
    boxes = []
    for axes in figure.axes:
        for marks in axes.collections:
            paths = cycle(marks.get_paths())
            for offset, size in zip(marks.get_offsets(), cycle(marks.get_sizes()), strict=False):
                x, y = axes.transData.transform(offset)
                shape, scale = next(paths).get_extents(), size**0.5 * figure.dpi / 72
                boxes.append(
                    (x + shape.x0 * scale, y + shape.y0 * scale, x + shape.x1 * scale, y + shape.y1 * scale)
                )
    return boxes


def misleading(figure: Figure) -> list[tuple[float, float]]:
    """Middles of marks that a line runs over on its way to another mark; in points."""
    found = []
    for axes in figure.axes:
        middles = [
            axes.transData.transform(xy) * 72 / figure.dpi for xy in axes.collections[-1].get_offsets()
        ]
        corner = axes.bbox.extents[:2] * 72 / figure.dpi
        for line in (text for text in axes.texts if isinstance(text, Annotation) and not text.get_text()):
            start, end = np.array(line.xy) + corner, np.array(line.xyann) + corner
            way = end - start
            for middle in middles:
                if np.hypot(*(middle - start)) > 4.5:
                    nearest = start + way * np.clip((middle - start) @ way / (way @ way), 0, 1)
                    if np.hypot(*(middle - nearest)) < 2:
                        found.append(tuple(middle))
    return found


def meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def assert_clear(figure: Figure) -> None:
    texts, marks = texts_of(figure), marks_of(figure)
    assert texts and marks
    assert [(a, b) for (a, box), (b, other) in combinations(texts, 2) if meet(box, other)] == []
    assert [text for text, box in texts if any(meet(box, mark) for mark in marks)] == []
    canvas = figure.bbox.extents
    inside = [canvas[0] <= b[0] and canvas[1] <= b[1] and b[2] <= canvas[2] and b[3] <= canvas[3]
              for b in [*marks, *(box for _, box in texts)]]  # fmt: skip
    assert all(inside)


@pytest.mark.parametrize("metric", ["top-1", "top-5", "CIFAR-10", "CIFAR-100", "MNIST", "SVHN"])
def test_the_whole_zoo(zoo: Comparison, metric: str) -> None:
    shown = [one for one in zoo if one.quoted(metric)]
    figure = figure_of(shown, metric)
    assert_clear(figure)
    # Names of networks at one place stand below each other.
    assert {one.name for one in shown} <= {line for text, _ in texts_of(figure) for line in text.split("\n")}
    assert misleading(figure) == []


@pytest.mark.parametrize(("step", "params"), [(1, 10**7), (2, 10**7), (0.5, 10**6), (1, 10**8)])
def test_no_line_runs_over_the_middle_of_another_mark(step: float, params: int) -> None:
    """Marks on a slope, so near to each other that names have to stand away from them."""
    shown = [
        network(f"network number {i}", int(10**9 * (20 + step * i)), params, 20 + step * i / 2)
        for i in range(6)
    ]
    figure = figure_of([*shown, network("far", 10**11, params, 60)], "top-1")
    assert_clear(figure)
    assert any(isinstance(text, Annotation) and not text.get_text() for text in figure.axes[-1].texts)
    assert misleading(figure) == []


@pytest.mark.parametrize("seed", range(6))
def test_random_networks(seed: int) -> None:
    draw = random.Random(seed)
    shown = [
        network(
            f"{'net' * draw.randint(1, 6)}{i}", int(10 ** draw.uniform(3, 11)), int(10 ** draw.uniform(2, 9)),
            draw.uniform(0, 100), draw.choice(PROTOCOLS),
        )
        for i in range(draw.choice([1, 2, 5, 30]))
    ]  # fmt: skip
    assert_clear(figure_of(shown, "top-1"))


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param([network(f"net{i}", 10**9, 10**7, 25) for i in range(30)], id="at one place"),
        pytest.param(
            [network(f"net{i}", 10**9 * (50 + i), 10**7, 20 + i / 100) for i in range(25)], id="close"
        ),
        pytest.param([network("a", 0, 0, 0), network("b", 0, 1, 100)], id="nothing"),
        pytest.param([network(f"{'x' * 300}{i}", 10**9 + i, 10**12, 3) for i in range(4)], id="long names"),
        pytest.param([network("a$b$_c", 10**9, 10**6, 3)], id="formula"),
    ],
)
def test_the_hardest(shown: list[Entry]) -> None:
    assert_clear(figure_of(shown, "top-1"))


def test_the_legend_explains_colours_shapes_and_areas(zoo: Comparison) -> None:
    shown = [zoo[name] for name in ("resnet18", "resnet50", "vgg16", "zfnet", "overfeat_fast")]
    texts = {text for text, _ in texts_of(figure_of(shown, "top-1"))}
    assert {"family", "resnet", "vgg", "zfnet", "overfeat"} <= texts
    assert {"measured with", *PROTOCOLS, "parameters (inference)", "1M", "10M", "100M"} <= texts


def test_more_families_than_colours_are_others(zoo: Comparison) -> None:
    shown = [one for one in zoo if one.quoted("top-1")]
    assert "others" in {text for text, _ in texts_of(figure_of(shown, "top-1"))}


def test_control_characters_of_a_name_are_shown() -> None:
    shown = [network("a\x1b[31m", 10**9, 10**6, 3), network("b\x00", 2 * 10**9, 10**6, 4)]
    comparison = Comparison(tuple(shown))
    for kind in ("svg", "html"):
        assert not {"\x1b", "\x00"} & set(comparison.chart(kind).decode())
    ElementTree.fromstring(comparison.chart("svg"))


def test_short_names_stay_unlike_each_other() -> None:
    given = [f"{folder}/{'deep/' * 20}net.arch" for folder in "abc"]
    found = short([*given, "net"], 20)
    assert len(set(found)) == 4 and max(map(len, found)) <= 20 and found[-1] == "net"


def test_a_network_is_called_what_was_typed(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        text = 'title "Same"\nerror 5 "top-1 %, 1-crop"\ninput 4\nnet FC(2)\n'
        (tmp_path / folder / "net.arch").write_text(text)
    paths = [str(tmp_path / folder / "net.arch") for folder in ("one", "two")]
    compared = blockdsl.compare(
        *paths, "lenet5", "lenet5", blockdsl.load("lenet5"), blockdsl.load("resnet18")
    )
    assert compared.names == (*paths, "lenet5", "lenet5 (2)", "lenet5 (3)", "resnet18")
    assert [row[0] for row in compared.rows()] == list(compared.names)
    assert [one["name"] for one in compared.to_dict()] == list(compared.names)
    assert compared[paths[1]].title == "Same"


def test_a_column_has_one_metric(zoo: Comparison) -> None:
    header, rows = zoo.table()
    others = header[header.index("top-1") + 2 : -1]
    assert header[header.index("top-1") + 1] == "top-5" and list(others) == sorted(others)
    assert {"CIFAR-10", "CIFAR-100", "MNIST", "SVHN"} <= set(others)
    row = dict(zip(header, rows[zoo.names.index("wrn_28_10")], strict=True))
    assert (row["top-1"], row["CIFAR-10"], row["CIFAR-100"]) == ("", "4 %", "19.25 %")
    header, rows = zoo.table("TOP-1")
    assert "top-5" not in header and "CIFAR-10" not in header


def test_what_is_said_of_the_table() -> None:
    text = 'error 5 "%, test"\ninput 4\nnet FC(2)-AUX(a, FC(3))\n'
    compared = blockdsl.compare(blockdsl.parse(text), "lenet5")
    aux, unread, missing = compared.notes("top-1")
    assert aux == "parameters are those of inference, without the auxiliary heads of <text> (9)"
    assert '<text> (5 "%, test")' in unread
    assert missing == "no top-1 error is published in <text>, lenet5"
    assert compared["<text>"].params == 10


def test_the_lectures_chart(zoo: Comparison) -> None:
    """Each has a top-1 error, with one crop where that was published."""
    for name in ("alexnet", "vgg16", "vgg19", "googlenet", "resnet50", "resnet152", "inception_v3"):
        assert zoo[name].errors["top-1"].protocol == ONE_CROP
    assert zoo["overfeat_accurate"].errors["top-1"].protocol == SEVERAL_CROPS
    assert zoo["zfnet"].errors["top-1"].protocol == CROPS_NOT_TOLD


@pytest.mark.parametrize("name", names("zoo"))
def test_published_errors_say_of_what_how_and_by_whom(name: str) -> None:
    known = ("top-1 %,", "top-5 %,", "MNIST %,", "CIFAR-10 %,", "CIFAR-100 %,", "SVHN %,", "localization %,")
    known += ("Omniglot %,", "UrbanSound8K %,", "Kinetics-400 %,")
    for _, words in blockdsl.load(name).program.meta.errors:
        assert words.startswith((*known, "warping error", "Rand error"))
        assert "; " in words, "the source comes after a semicolon"
        several = any(word in words for word in ("networks", "ensemble"))
        if words.startswith("top-") and not several:
            assert any(word in words for word in ("-crop", "dense", "crops not told"))
