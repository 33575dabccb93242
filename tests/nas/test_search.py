"""Searches: what is measured, what is not, what a study keeps, and that nothing is lost."""

import json
from pathlib import Path
from typing import Any

import pytest

from blockdsl.cli import run
from blockdsl.lowering import lower
from blockdsl.nas.study.records import DONE, DUPLICATE, INFEASIBLE, MEASURED, records
from blockdsl.nas.study.storage import StudyLocation
from blockdsl.nas.study.studies import find
from blockdsl.resources import find_source
from blockdsl.syntax.parser import parse

SPACE = """input 1x8x8
block layer = {ID, RELU-CONV(4,1), RELU-CONV(4,3,p1)}
net CONV(4,1)-layer*3-GAP-FC(10)
search
    maximize accuracy
    minimize params
    require params <= 500
"""
CHOICES = [f"layer[{i}].choice[1]" for i in (1, 2, 3)]


def table() -> dict[str, Any]:
    """An accuracy for each of 27 assignments: rises with the number of 3x3 convolutions."""
    keys = [f"{a},{b},{c}" for a in range(3) for b in range(3) for c in range(3)]
    return {"choices": CHOICES, "networks": {k: {"accuracy": [0.5 + 0.1 * k.count("2")]} for k in keys}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.arch").write_text(SPACE)
    Path("t.json").write_text(json.dumps(table()))


def outcomes(name: str = "s-t") -> list[str]:
    study = find(StudyLocation(name))
    return [record.outcome for _, record in records(study).values()]


def search(*options: str) -> int:
    return run(["search", "s.arch", "--table", "t.json", *options])


@pytest.mark.parametrize("sampler", ["auto", "tpe", "nsga2", "random", "grid"])
def test_every_network_is_measured_once(sampler: str) -> None:
    # 27 assignments; identities may stand anywhere: 1 + 2 + 4 + 8 = 15 networks. A 1x1 convolution
    # has 20 parameters, a 3x3 one 148, the rest 58: three of the latter are 502.
    assert search("--sampler", sampler, "--trials", "60") == 0
    found = outcomes()
    assert found.count(DONE) == 14
    assert set(found) <= {DONE, DUPLICATE, INFEASIBLE}
    identities = [r.identity for _, r in records(find(StudyLocation("s-t"))).values() if r.outcome == DONE]
    assert len(set(identities)) == 14


def test_a_duplicate_takes_what_is_known() -> None:
    search("--sampler", "grid", "--trials", "60")
    found = records(find(StudyLocation("s-t")))
    again = [(t, r) for t, r in found.values() if r.outcome == DUPLICATE]
    assert again
    for trial, record in again:
        assert record.duplicate is not None
        assert trial.values == found[record.duplicate][0].values


def test_the_same_command_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert search("--trials", "4", "--sampler", "random") == 0
    assert search("--trials", "9", "--sampler", "random") == 0
    assert sum(o in MEASURED for o in outcomes()) == 9
    assert "9 trials: " in capsys.readouterr().out


def test_best_writes_files_that_say_where_they_are_from() -> None:
    search("--trials", "60", "--sampler", "grid")
    assert run(["best", "s-t", "--pareto", "-o", "winners"]) == 0
    files = sorted(Path("winners").glob("*.arch"))
    # The front: of the cheapest network, and of one and two 3x3 convolutions alone.
    assert len(files) == 3
    for file in files:
        text = file.read_text()
        assert text.startswith("# Found by blockdsl search in s.arch:\n# study s-t, trial ")
        assert run(["check", str(file)]) == 0
        assert lower(parse(find_source(file))).decisions == {}
    assert (
        run(
            [
                "search",
                "s.arch",
                "--table",
                "t.json",
                "--study",
                "new",
                "--trials",
                "1",
                "--enqueue",
                str(files[0]),
            ]
        )
        == 0
    )
    study = find(StudyLocation("new"))
    first = study.get_trials()[0]
    assert all(f"# choose {path}={text}" in files[0].read_text() for path, text in first.params.items())


def test_a_space_without_a_feasible_point_says_which_limit(capsys: pytest.CaptureFixture[str]) -> None:
    Path("s.arch").write_text(SPACE.replace("500", "50"))
    assert search() == 1
    assert capsys.readouterr().err == (
        "error[search]: no network of 27 looked at meets all limits; 27 break params <= 50\n"
        "  --> s.arch:7:13\n"
        "     7 |     require params <= 50\n"
        "       |             ^^^^^^^^^^^^\n"
        "  help: params range from 58 to 502\n"
    )


def test_a_study_of_another_space_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert search("--trials", "2") == 0
    assert search("--trials", "2", "--epochs", "3") == 1
    assert "it was begun without --epochs, and this is with --epochs 3" in capsys.readouterr().err
    Path("s.arch").write_text(SPACE.replace("maximize accuracy\n", "maximize accuracy\n    minimize macs\n"))
    assert search("--trials", "2") == 1
    assert "the study s-t is another one: it has the objectives" in capsys.readouterr().err
    Path("s.arch").write_text(SPACE.replace("GAP", "TANH-GAP"))
    assert search("--trials", "2") == 1
    assert "it has no network that this space holds" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sampler", "tpee"], "error[search]: there is no sampler tpee\n  help: did you mean tpe?"),
        (
            ["--pruner", "x"],
            "error[search]: there is no pruner x\n  help: pruners are none, asha, hyperband, median",
        ),
        (["--storage", "sqlight:///x.db"], "error[storage]: cannot open sqlight:///x.db: "),
        (["--storage", "x.txt"], "error[storage]: x.txt is no storage"),
    ],
)
def test_options_that_are_none(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert search(*options) == 1
    assert capsys.readouterr().err.startswith(message)


def test_objectives_that_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    for word, message in {
        "acuracy": "acuracy is no objective",
        "latency(gpu)": "there is no latency of gpu",
        "score(synflo)": "there is no score of synflo",
        "os:getcwd": "the file wants to call the Python function os:getcwd",
    }.items():
        Path("s.arch").write_text(SPACE.replace("maximize accuracy", f"maximize {word}"))
        assert search() == 1
        assert message in capsys.readouterr().err


def test_an_unknown_study_says_what_exists(capsys: pytest.CaptureFixture[str]) -> None:
    assert search("--trials", "1") == 0
    assert run(["best", "s-u"]) == 1
    assert capsys.readouterr().err.startswith("error[study]: there is no study s-u in runs\n")
    assert not Path("runs/s-u").exists()
