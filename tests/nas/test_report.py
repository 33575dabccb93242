"""The report: complete and well-formed whatever a study holds, and nothing in it is code or a request."""

import importlib.util
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.study import Study

from blockdsl.cli import run
from blockdsl.extras import install_command
from blockdsl.nas.report import report
from blockdsl.nas.report.findings import Findings
from blockdsl.nas.report.networks import Start, start_of
from blockdsl.nas.study.config import StudyConfig
from blockdsl.nas.study.records import DUPLICATE, INFEASIBLE, PRUNED
from blockdsl.nas.study.status import values_text
from blockdsl.nas.study.storage import StudyLocation
from tests.nas.studies import CHAIN, add, candidates, filled, options_of, study_of
from tests.nas.test_effects import additive

SINGLE = CHAIN.replace("    minimize params\n", "")
TRIPLE = CHAIN + "    minimize macs\n"
VOID = {"meta", "br", "img", "input", "link", "hr"}
CHOICES = ("width", "shortcut", "third")


class Page(HTMLParser):
    """A page's elements and texts; fails where they are not nested properly."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.flow: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.flow.append((self.open[-1], data))

    def texts(self, tag: str) -> list[str]:
        """The texts directly inside of elements."""
        return [text for around, text in self.flow if around == tag]

    def words(self) -> str:
        """What a reader reads, without scripts and styles."""
        kept = [text for tag, text in self.flow if tag not in ("script", "style")]
        return " ".join(" ".join(kept).split())

    def count(self, tag: str, kind: str | None = None) -> int:
        """Elements of a tag and class."""
        return sum(
            t == tag and (kind is None or kind in (a.get("class") or "").split()) for t, a in self.tags
        )

    def figures(self) -> list[dict[str, Any]]:
        text = next(t for t in self.texts("script") if t.startswith("["))
        found: list[dict[str, Any]] = json.loads(text)
        return found


def page_of(study: Study, tmp_path: Path) -> Page:
    return Page(report(study, tmp_path))


def points(figure: dict[str, Any], name: str) -> dict[int, tuple[Any, Any]]:
    """A chart's points of a name, by trial."""
    return {
        number: (x, y)
        for trace in figure["data"]
        if trace.get("name") == name and "customdata" in trace
        for number, x, y in zip(trace["customdata"], trace["x"], trace["y"], strict=True)
    }


def test_a_study_with_two_objectives_has_every_part(tmp_path: Path) -> None:
    study, space = study_of(CHAIN)
    networks = list(candidates(space))
    filled(study, networks, additive)
    page = page_of(study, tmp_path)
    assert [i for i in page.ids if i not in ("large", "figures")] == [
        "front", "progress", "winners", "worth", "trials", "provenance",
    ]  # fmt: skip
    front, accuracies, params, growth, bars = page.figures()
    assert page.count("div", "chart") == 5
    # By hand: without a shortcut or with one a network has as many parameters, so that shortcuts and
    # GELU win; of three widths none beats another in both objectives.
    best = {
        i
        for i, c in enumerate(networks)
        if (o := options_of(c))["shortcut"] == "yes" and o["third"] == "GELU"
    }
    assert len(best) == 3
    assert set(points(front, "front")) == best
    measured = points(front, "measured")
    assert set(measured) | best == set(range(24))
    for number, (x, y) in measured.items():
        assert (x, y) == (networks[number].figures["params"], additive(options_of(networks[number])))
    assert set(points(front, "start")) == {0}
    line = next(t for t in accuracies["data"] if t.get("name") == "best so far")
    assert line["y"] == [max(additive(options_of(c)) for c in networks[: i + 1]) for i in range(24)]
    line = next(t for t in params["data"] if t.get("name") == "best so far")
    assert set(line["y"]) == {min(c.figures["params"] for c in networks)}
    shares = growth["data"][0]["y"]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    for trace in bars["data"]:
        assert sum(trace["x"]) == pytest.approx(1.0)
        assert set(trace["y"]) == set(CHOICES)
    words = page.words()
    assert "Study made : maximize accuracy, minimize params" in words
    assert "24 networks measured" in words
    assert words.count("not measured") == 0  # the start is one of them
    assert page.count("article", "winner") == 3
    # Four pictures, and the one that is enlarged.
    sources = [a.get("src") for t, a in page.tags if t == "img"]
    assert len([s for s in sources if s and s.startswith("data:image/svg+xml;base64,")]) == 4
    assert "shortcut no → yes" in words


def test_the_growth_of_the_front_is_its_area(tmp_path: Path) -> None:
    """Three networks; the worst accuracy and parameters are the corner that areas are measured from."""
    study, space = study_of(CHAIN)
    values = [(0.2, 100), (0.6, 60), (0.9, 90)]
    for candidate, (accuracy, params) in zip(candidates(space), values, strict=False):
        add(study, candidate, {"accuracy": accuracy, "params": params})
    growth = page_of(study, tmp_path).figures()[3]["data"][0]["y"]
    whole = 0.4 * 40 + 0.3 * 10
    assert growth == pytest.approx([0, 0.4 * 40 / whole, 1])


def test_one_objective_has_no_front(tmp_path: Path) -> None:
    study, space = study_of(SINGLE)
    filled(study, candidates(space), additive)
    page = page_of(study, tmp_path)
    assert "front" not in page.ids
    history, _ = page.figures()
    assert len(points(history, "best")) == 1
    assert page.count("article", "winner") == 3
    assert "97.00%" not in page.words()  # 0.6 + 0.08 + 0.1 + 0.04
    assert "82.00%" in page.words()


def test_memory_is_told_in_bytes(tmp_path: Path) -> None:
    study, space = study_of(CHAIN.replace("minimize params", "minimize memory"))
    values = [(0.2, 12_584), (0.6, 2_984), (0.9, 4_640)]
    for candidate, (accuracy, memory) in zip(candidates(space), values, strict=False):
        add(study, candidate, {"accuracy": accuracy, "memory": memory})
    page = page_of(study, tmp_path)
    words = page.words()
    for told in ("2,984 bytes", "4,640 bytes"):
        assert told in words
    assert not re.search(r"2,984(?! bytes)", words)
    titles = {f["layout"]["xaxis"]["title"]["text"] for f in page.figures()}
    assert "memory (bytes, less is better)" in titles
    objectives = StudyConfig("made.arch", space.source.text, None).objectives(space)
    assert values_text(objectives, (0.6, 2_984)) == "accuracy 60.00%, memory 2,984 bytes"


def test_three_objectives_are_shown_in_pairs(tmp_path: Path) -> None:
    study, space = study_of(TRIPLE)
    filled(study, candidates(space), additive)
    page = page_of(study, tmp_path)
    titles = [
        tuple(f["layout"][axis]["title"]["text"].split(" ")[0] for axis in ("yaxis", "xaxis"))
        for f in page.figures()[:3]
    ]
    assert titles == [("accuracy", "params"), ("accuracy", "macs"), ("params", "macs")]
    assert page.count("div", "chart") == 3 + 4 + 1


@pytest.mark.parametrize("text", [SINGLE, CHAIN, TRIPLE])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_what_is_missing_is_said(text: str, count: int, tmp_path: Path) -> None:
    study, space = study_of(text)
    filled(study, list(candidates(space))[4 : 4 + count], additive)
    words = page_of(study, tmp_path).words()
    assert f"{count} network{'s' * (count != 1)} measured" in words
    if count:
        be = "is" if count == 1 else "are"
        assert (
            f"need 10 networks that were measured to the end and are not all alike; there {be} {count}"
            in words
        )
        assert "Option by option" in words
    else:
        assert "No network was measured yet." in words
        assert "Nothing can be said before networks were measured to the end." in words
        assert "There is no front yet" in words or text == SINGLE


def test_failures_are_told(tmp_path: Path) -> None:
    study, space = study_of(CHAIN)
    networks = list(candidates(space))
    for candidate in networks[:3]:
        told = {"why": "the disk <is> full", "traceback": "Traceback: <first>\n  line & more"}
        add(study, candidate, {"params": 100.0}, "crashed", **told)
    add(study, networks[3], {"params": 100.0}, "out of memory")
    add(study, networks[4], {"params": 50.0}, INFEASIBLE, why="params <= 40")
    words = page_of(study, tmp_path).words()
    assert "4 networks measured of 5 proposed" in words
    for line in (
        "3 crashed measuring it failed the disk <is> full ×3",
        "1 out of memory did not fit into memory",
        "1 infeasible beyond a limit that is known before training; replaced, and cost nothing params <= 40",
        "No winner yet No network was measured to the end yet.",
    ):
        assert line in words
    assert words.count("Traceback Traceback: <first> line & more") == 3


def test_every_outcome_is_counted_and_a_duplicate_is_no_measurement(tmp_path: Path) -> None:
    study, space = study_of(CHAIN)
    networks = list(candidates(space))
    filled(study, networks[:12], additive)
    add(study, networks[12], {"accuracy": 0.3, "params": 77.0}, PRUNED)
    add(study, networks[13], {"accuracy": 0.99, "params": 1.0}, broken=("latency(cpu) <= 1",))
    trial = study.trials[0]
    again = {**trial.user_attrs["blockdsl"], "outcome": DUPLICATE, "duplicate": 0}
    study.add_trial(
        optuna.trial.create_trial(
            values=trial.values, params=trial.params, distributions=trial.distributions,
            user_attrs={"blockdsl": again},
        )
    )  # fmt: skip
    study.ask()
    page = page_of(study, tmp_path)
    words = page.words()
    assert "14 networks measured of 15 proposed" in words
    assert "1 network is being measured" in words
    assert "13 done measured to the end 1 beyond latency(cpu) <= 1 , and out of the running" in words
    assert "1 pruned given up early" in words
    assert "1 duplicate the same network as an earlier trial" in words
    front = page.figures()[0]
    assert points(front, "given up early") == {12: (77, 0.3)}
    assert points(front, "beyond a limit") == {13: (1, 0.99)}
    assert 14 not in {**points(front, "measured"), **points(front, "front")}
    assert "99.00%" not in [t.strip() for t in page.texts("b")]  # no tile is of a network beyond a limit


def test_what_is_measured_meanwhile_is_not_half_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, space = study_of(CHAIN)
    networks = list(candidates(space))
    filled(study, networks[:-1], additive)
    before = page_of(study, tmp_path)

    def late(found: Findings) -> Start:
        add(study, networks[-1], {"accuracy": 0.999, "params": 1.0})
        return start_of(found)

    monkeypatch.setattr("blockdsl.nas.report.page.start_of", late)
    page = page_of(study, tmp_path)
    assert len(study.trials) == 24
    assert page.figures() == before.figures()
    assert "99.90%" not in page.words()


def test_only_networks_beyond_a_limit(tmp_path: Path) -> None:
    study, space = study_of(CHAIN)
    for candidate in list(candidates(space))[:2]:
        add(study, candidate, {"accuracy": 0.9, "params": 9.0}, broken=("loss <= 0.1",))
    words = page_of(study, tmp_path).words()
    assert "All 2 networks that were measured to the end are beyond a limit." in words
    assert "There is no front yet" in words


def test_the_start_may_be_the_best_or_impossible(tmp_path: Path) -> None:
    study, space = study_of(SINGLE)
    filled(study, list(candidates(space))[:1], additive)
    assert "The start is the best so far." in page_of(study, tmp_path).words()
    apart = SINGLE.replace("CONV(width,1)", "CONV({4,8},{9,1})")
    study, space = study_of(apart, "apart")
    networks = [c for c in space.enumerate() if not isinstance(c, Exception)]
    filled(study, networks[:3], lambda _: 0.5)
    page = page_of(study, tmp_path)
    assert "The first options do not go together: " in page.words()
    assert page.count("article", "winner") == 3


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&amp;{{ 1 }} %{x}"


def test_a_hostile_study_is_only_text(tmp_path: Path) -> None:
    text = (
        CHAIN.replace("A chain", HOSTILE)
        .replace("{no, yes}", f'{{"no", "{HOSTILE}"}}')
        .replace("if shortcut then", 'if shortcut != "no" then')
    )
    study, space = study_of(text, f"n{HOSTILE}", data=f"d{HOSTILE}")
    networks = list(candidates(space))
    filled(study, networks, lambda o: 0.5 + 0.1 * (o["shortcut"] != '"no"') + 0.01 * len(o["third"]))
    add(study, networks[0], {}, "crashed", why=HOSTILE)
    page = page_of(study, tmp_path)
    assert page.count("script") == 3
    assert all(not name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert not [a for t, a in page.tags if t == "img" and a.get("src") == "x"]
    words = page.words()
    for part in (f"Study n{HOSTILE}", f"Architecture search, d{HOSTILE}", f'"no" → "{HOSTILE}"'):
        assert part in words
    hover = [t for f in page.figures() for d in f["data"] for t in d.get("hovertext") or []]
    assert hover
    # Plotly knows a little HTML in its labels: of ours there is only this.
    assert {tag for text in hover for tag in re.findall("<[^>]*>", text)} == {"<b>", "</b>", "<br>"}


def test_nothing_is_fetched(tmp_path: Path) -> None:
    study, space = study_of(CHAIN)
    filled(study, candidates(space), additive)
    page = page_of(study, tmp_path)
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        for name in ("src", "href", "srcset", "data", "action", "poster"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
    assert "url(" not in "".join(page.texts("style"))
    policy = [a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv")]
    assert policy == [
        "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    ]


# --- the command


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(storage: str | None = None) -> None:
    opened = StudyLocation("made", storage).connect()
    study, space = study_of(CHAIN, storage=opened)  # type: ignore[arg-type]
    filled(study, candidates(space), additive)


@pytest.mark.parametrize("storage", [None, "sqlite:///studies.db", "other.journal"])
def test_the_command_writes_the_page(
    storage: str | None, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made(storage)
    options = ["--storage", storage] if storage else []
    assert run(["report", "made", *options, "-o", "r.html"]) == 0
    assert capsys.readouterr().out == "wrote r.html\n"
    assert len(Page(Path("r.html").read_text()).figures()) == 5


def test_a_study_that_cannot_be_reported_leaves_the_old_page(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    storage = StudyLocation("other").connect()
    optuna.create_study(storage=storage, study_name="other")
    made()
    Path("r.html").write_text("old")
    for name, message in {
        "other": "error[study]: the study other is none of blockdsl's",
        "mode": "error[study]: there is no study mode",
    }.items():
        assert run(["report", name, "-o", "r.html"]) == 1
        assert capsys.readouterr().err.startswith(message)
    assert Path("r.html").read_text() == "old"
    assert not list(here.glob(".*.part"))


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("r.pdf", "error[output]: cannot write r.pdf: a report is a page\n  help: end it in .html"),
        ("nowhere/r.html", "error[output]: cannot write nowhere/r.html: no such file or directory"),
        ("folder.html", "error[output]: cannot write folder.html: it is a folder"),
    ],
)
def test_outputs_that_are_none(
    output: str, message: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("folder.html").mkdir()
    made()
    assert run(["report", "made", "-o", output]) == 1
    assert capsys.readouterr().err.startswith(message)


def test_a_missing_library_is_named_with_its_command(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made()
    find = importlib.util.find_spec
    monkeypatch.setattr("blockdsl.extras.find_spec", lambda name: None if name == "plotly" else find(name))
    assert run(["report", "made"]) == 1
    assert capsys.readouterr().err == (
        "error[missing]: cannot write a report without plotly, which is not installed\n"
        f"  help: `{install_command('report')}`\n"
    )
