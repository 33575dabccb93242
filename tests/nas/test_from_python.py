"""What the commands do, functions do: the same files and the same figures."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

import blockdsl
from blockdsl import ArchError
from blockdsl.cli import run
from blockdsl.training import load

SPACE = """input 1x8x8
let width = {4, 8, 12}
net CONV(width,3)-{RELU, TANH}-GAP-FC(10)
search
    minimize params
    maximize macs
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("s.arch").write_text(SPACE)
    return tmp_path


def out(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    assert run(command) == 0
    return capsys.readouterr().out


def test_freezing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    space = blockdsl.Space.load("s.arch")
    command = ["freeze", "s.arch", "--choose", "width=8"]
    assert space.freeze({"width": 8}, first=True) == out(capsys, *command, "--first")
    assert space.freeze({"width": "8"}, seed=3) == out(capsys, *command, "--draw", "3")
    for choices, message in {
        (): "the choice width is not bound",
        (("width", 5),): "width has no value 5",
        (("width", 8), ("choice[1]", "RELU"), ("depth", 3)): "no choice depth is reached",
    }.items():
        with pytest.raises(ArchError, match=re.escape(message)):
            space.freeze(dict(choices))


def test_searching_and_looking_at_the_study(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = []
    result = blockdsl.search(
        "s.arch", trials=4, sampler="random", on_status=lambda status: seen.append(status.measured)
    )
    assert result.name == "s-digits" and seen[-1] == 4 and result.status is not None
    assert "4 trials" in out(capsys, "search", "s.arch", "--trials", "4", "--sampler", "random")
    result = blockdsl.search("s.arch", trials=6, sampler="random")
    assert result.status is not None and result.status.measured == 6
    loaded = blockdsl.load_study("s-digits")
    assert loaded.status is None and repr(loaded).startswith("<study s-digits: ")
    (best,) = loaded.best()
    written = best.write("python")
    out(capsys, "best", "s-digits", "-o", "command")
    assert [path.read_text() for path in written] == [
        (Path("command") / path.name).read_text() for path in written
    ]
    front = {trial.number for trial in loaded.study.best_trials}  # with networks that came twice
    found = {winner.trial.number for winner in loaded.best(pareto=True)}
    assert len(found) > 1 and found <= front


def test_a_space_in_memory_is_searched(here: Path) -> None:
    from blockdsl.source import Source

    space = blockdsl.Space(Source("other.arch", SPACE))
    result = blockdsl.search(space, trials=2, study="mine", storage="all.journal")
    assert result.name == "mine" and Path("all.journal").exists()
    assert len(blockdsl.load_study("mine", "all.journal").best(2)) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampler": "best"}, "there is no sampler best"),
        ({"pruner": "axe"}, "there is no pruner axe"),
        ({"prune_on": "time"}, "cannot prune on time"),
        ({"filter": "zen"}, "zen"),
        ({"enqueue": ["none.arch"]}, "none.arch"),
        ({"table": "none.json"}, "none.json"),
        ({"trials": 0}, "trials is a whole number, 1 or more, not 0"),
        ({"jobs": 0}, "jobs is a whole number, 1 or more, not 0"),
        ({"timeout": -1}, "timeout is a number of seconds above 0, not -1"),
        ({"seeds": 0}, "seeds is a whole number, 1 or more, not 0"),
        ({"folds": -1}, "folds is a whole number, 1 or more, not -1"),
        ({"epochs": 0}, "epochs is a whole number, 1 or more, not 0"),
        ({"share": 0.0}, "share is above 0 and at most 1, not 0.0"),
        ({"enqueue": "none.arch"}, "none.arch"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused(here: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(ArchError, match=re.escape(message)):
        blockdsl.search("s.arch", **{"trials": 1, **options})  # type: ignore[arg-type]
    assert not Path("runs").exists()


def test_a_winner_is_written_where_its_blocks_are_found(here: Path) -> None:
    Path("sub").mkdir()
    Path("sub/blocks.arch").write_text("block unit(c) = CONV(c,3)-RELU\n")
    Path("sub/s.arch").write_text(
        'use "blocks.arch"\ninput 1x8x8\nnet unit({4, 8})-GAP-FC(10)\nsearch\n    minimize params\n'
    )
    (best,) = blockdsl.search("sub/s.arch", trials=2, sampler="grid").best()
    (path,) = best.write("winners")
    assert blockdsl.load(path).summary().params == best.candidate.summary.params == 90
    assert not best.architecture.diff(blockdsl.load(path))
    assert best.architecture is best.architecture
    with pytest.raises(ArchError, match="a count is 1 or more, not 0"):
        blockdsl.load_study("s-digits").best(0)


def test_a_study_goes_on_with_settings_of_any_kind(here: Path) -> None:
    Path("p.arch").write_text(
        "input 1x8x8\nparam sizes = [4]\nparam extra = 1\nnet CONV(sizes[1],{1, 3})-FC(extra)\n"
        "search\n    minimize params\n"
    )
    for sizes, extra in [((4, 6), 3), ([4, 6], "3")]:
        space = blockdsl.Space.load("p.arch", settings={"sizes": sizes, "extra": extra})
        assert blockdsl.search(space, trials=1, study="p").name == "p"


def test_a_result_is_read_in_another_folder(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = blockdsl.search("s.arch", trials=2, sampler="random")
    before = [winner.text for winner in result.best(2)]
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert [winner.text for winner in result.best(2)] == before


def test_what_became_of_the_trials_of_another_space(here: Path) -> None:
    blockdsl.search("s.arch", trials=3, sampler="grid")
    Path("s.arch").write_text(SPACE.replace("{4, 8, 12}", "{4, 8}"))
    result = blockdsl.search("s.arch", trials=4, sampler="grid")
    assert result.kept and {*result.kept, *result.aside} == {0, 1, 2}


def test_choices_lead_back_to_their_candidate() -> None:
    space = blockdsl.Space.parse(SPACE)
    for seed in range(6):
        drawn = space.choose(seed=seed)
        again = space.choose(drawn.choices)
        assert again.identity == drawn.identity and space.bind(drawn.assignment).identity == drawn.identity
    with pytest.raises(ArchError, match="not both"):
        space.choose(first=True, seed=1)
    with pytest.raises(ArchError, match="no file that names the study"):
        blockdsl.search(space)


def test_optuna_tells_what_it_told_before(here: Path) -> None:
    before = optuna.logging.get_verbosity()
    blockdsl.search("s.arch", trials=1)
    blockdsl.load_study("s-digits").best()
    assert optuna.logging.get_verbosity() == before


def test_a_study_that_is_not_there(here: Path) -> None:
    with pytest.raises(ArchError, match=r"there is no study x in deep/none\.journal"):
        blockdsl.load_study("x", Path("deep/none.journal"))
    assert not Path("deep").exists()
    with pytest.raises(ArchError, match="there is no study s-digits"):
        blockdsl.load_study("s-digits")


def test_a_script_that_workers_would_run_again_is_told_how_it_begins(here: Path) -> None:
    Path("script.py").write_text("import blockdsl\nblockdsl.search('s.arch', trials=1)\n")
    ended = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.endswith(
        "error[search]: a worker ended with code 1 before it measured anything\n"
        '  help: a script calls `search` under `if __name__ == "__main__":`, since each worker imports it\n'
    )


def test_opening(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("n.arch").write_text("input 1x8x8\nnet (CONV(8,3,p1)-RELU)*2-GAP-FC(10)\n")
    opened = blockdsl.load("n.arch").open(width=[0.5, 1, 2], depth="1..3")
    out(capsys, "open", "n.arch", "--width", "0.5,1,2", "--depth", "1..3", "-o", "o.arch")
    assert opened.text() == opened.text(here) == Path("o.arch").read_text()
    assert opened.size == "9 assignments" and not opened.refused
    assert opened.start.summary.params == blockdsl.load("n.arch").summary().params
    with pytest.raises(ArchError, match="nothing is opened"):
        blockdsl.load("n.arch").open()
    Path("p.arch").write_text("input 1x8x8\nparam c = 4\nnet CONV(c,3)-GAP-FC(10)\n")
    with pytest.raises(ArchError, match="settings that its file does not say: c=8"):
        blockdsl.load("p.arch", settings={"c": 8}).open(width="1,2")


def test_training(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("t.arch").write_text("input 1x8x8\nnet FLATTEN-FC(10)\ntrain\n    batch = 64\n    seed = 5\n")
    told = out(capsys, "train", "t.arch", "--epochs", "2", "--device", "cpu", "--out", "command")
    epochs = []
    module, result = blockdsl.load("t.arch").train(
        "digits", epochs=2, device="cpu", out="python", on_epoch=lambda epoch: epochs.append(epoch.epoch)
    )
    assert epochs == [1, 2] and not module.training
    assert f"validation accuracy {result.accuracy:.2%}" in told
    data = load("digits", (1, 16, 16))
    with pytest.raises(ArchError, match="digits was loaded for 1x16x16, the network takes 1x8x8"):
        blockdsl.load("t.arch").train(data)
    with pytest.raises(ArchError, match="has its share already"):
        blockdsl.load("t.arch").train(data, share=0.5)
    with pytest.raises(ArchError, match="devices are 1 or more, not 0"):
        blockdsl.load("t.arch").train(devices=0)
    modules, ensemble = blockdsl.load("t.arch").train_ensemble(2, epochs=1, device="cpu")
    assert len(modules) == len(ensemble.members) == 2
    with pytest.raises(ArchError, match="10 classes"):
        blockdsl.parse("FLATTEN-FC(7)", input=(1, 8, 8)).train()
    with pytest.raises(ArchError, match="params is 650, not 1"):
        blockdsl.parse("net FLATTEN-FC(10) check params == 1", input=(1, 8, 8)).train()
