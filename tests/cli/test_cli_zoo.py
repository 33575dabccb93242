"""`blockdsl zoo`: lists, filters, shows."""

from __future__ import annotations

import pytest

from blockdsl.cli import run

Printed = pytest.CaptureFixture[str]


def listed(capsys: Printed, *options: str) -> set[str]:
    assert run(["zoo", *options]) == 0
    return {line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]}


def test_filters(capsys: Printed) -> None:
    everything = listed(capsys)
    of_2012 = listed(capsys, "--year", "2012")
    assert "alexnet" in of_2012 and "resnet50" not in of_2012
    assert listed(capsys, "--year", "2012-2013") == of_2012 | listed(capsys, "--year", "2013")
    assert listed(capsys, "--year", "2012-") | listed(capsys, "--year", "-2011") == everything
    assert listed(capsys, "--year", "-2000") == {"lenet5", "lenet5_1998"}  # LeCun et al. 1998
    residual, resnets = listed(capsys, "--family", "residual"), listed(capsys, "--family", "resnet")
    assert {"plain20", "se_resnet50", "resnet50"} <= residual < everything
    assert resnets == {name for name in everything if name.startswith("resnet")}
    small = listed(capsys, "--family", "resnet", "--max-params", "270k")
    assert small == {"resnet20"}  # 269,722 parameters (He et al. 2015, table 6: 0.27M); the next has 0.46M


def test_one_network(capsys: Printed) -> None:
    assert run(["zoo", "resnet50"]) == 0
    printed = capsys.readouterr().out
    assert 'title   "ResNet-50"' in printed
    assert "25,557,032" in printed


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--year", "then"], 2, "is no year"),
        (["--year", "-"], 2, "is no year"),
        (["--year", "2015-2012"], 2, "is no year"),
        (["--year", "2012-13"], 2, "is no year"),
        (["--year", "2012-2013-2014"], 2, "is no year"),
        (["--year", "1812"], 1, "no network of the zoo is such"),
        (["--max-params", "many"], 2, "is no number"),
        (["--family", "nothing"], 1, "no network of the zoo is such"),
        (["alexnot"], 1, "did you mean alexnet?"),
    ],
)
def test_what_is_asked_wrongly(options: list[str], code: int, words: str, capsys: Printed) -> None:
    assert run(["zoo", *options]) == code
    assert words in capsys.readouterr().err
