"""The command around a search: processes, time, the terminal, storages, queues."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from blockdsl.cli import run
from blockdsl.nas.study.records import DONE, MEASURED, Record, records
from blockdsl.nas.study.storage import StudyLocation
from blockdsl.nas.study.studies import find

ROOT = Path(__file__).parents[2]
TABLE_SPACE = """input 1x8x8
block layer = {RELU, TANH, SIGMOID}
net CONV(4,1)-layer*3-GAP-FC(10)
search
    maximize accuracy
    minimize depth
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    keys = [f"{a},{b},{c}" for a in range(3) for b in range(3) for c in range(3)]
    table = {
        "choices": [f"layer[{i}].choice[1]" for i in (1, 2, 3)],
        "networks": {key: {"accuracy": index / 27} for index, key in enumerate(keys)},
    }
    Path("t.json").write_text(json.dumps(table))
    Path("s.arch").write_text(TABLE_SPACE)
    return tmp_path


def recorded(name: str, storage: str | None = None) -> dict[int, Record]:
    study = find(StudyLocation(name, storage))
    return {number: record for number, (_, record) in records(study).items()}


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "blockdsl.cli", "search", "s.arch", *options]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


PROBE = """import os, signal, torch
def threads(module):
    if any(isinstance(m, torch.nn.Tanh) for m in module.modules()):
        os.kill(os.getpid(), signal.SIGKILL)
    return torch.get_num_threads()
"""


@pytest.mark.long
def test_processes_share_the_cores_and_a_network_that_kills_two_is_recorded() -> None:
    Path("probe.py").write_text(PROBE)
    Path("s.arch").write_text(
        "input 1x8x8\nnet CONV(4,1)-GAP-{ID,RELU,TANH}-FC(10)\nsearch\n maximize probe:threads\n"
    )
    options = ["--trust", "probe:threads", "--jobs", "2", "--trials", "3", "--sampler", "random"]
    ended = subprocess.run(command(*options), env=environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found = list(recorded("s-digits").values())
    done = [record for record in found if record.outcome == DONE]
    crashed = [record for record in found if record.outcome == "crashed"]
    cores = len(os.sched_getaffinity(0))
    assert [record.measured["probe:threads"] for record in done] == [max(1, cores // 2)] * 2
    assert [record.why for record in crashed] == ["the process ended with code -9, twice"]
    assert len({record.identity for record in found if record.outcome in MEASURED}) == 3


@pytest.mark.long
def test_the_time_is_up() -> None:
    endless = TABLE_SPACE.replace("RELU, TANH", "RELU, DROPOUT({0.1..0.5})").replace(
        "    maximize accuracy\n", ""
    )
    Path("s.arch").write_text(endless)
    options = ["--trials", "1000000", "--timeout", "4s", "--sampler", "random"]
    ended = subprocess.run(command(*options), env=environment(), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "the time is up; the same command goes on" in ended.stdout
    before = recorded("s-digits")
    assert (
        subprocess.run(command(*options), env=environment(), capture_output=True, check=False).returncode == 0
    )
    assert before.items() <= recorded("s-digits").items()


def test_a_terminal_shows_a_line_that_changes() -> None:
    shown, terminal = pty.openpty()
    process = subprocess.Popen(
        command("--table", "t.json", "--trials", "12", "--sampler", "random"),
        env=environment(TERM="xterm", COLUMNS="200"), stdout=subprocess.DEVNULL, stderr=terminal,
    )  # fmt: skip
    os.close(terminal)
    text = b""
    while True:
        try:
            part = os.read(shown, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
        if not part:
            break
        text += part
    os.close(shown)
    assert process.wait() == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text.decode())
    assert re.search(r"12/12 trials, 0 s left, best accuracy \d+\.\d\d%, depth 2, Pareto front 1", plain)
    assert len(re.findall(r"trial +\d+  done  accuracy \d+\.\d\d%, depth 2  0\.0 s", plain)) == 12
    assert "\r" in plain and "\x1b[2K" in text.decode(), "the line is drawn over"


@pytest.mark.parametrize("storage", ["sqlite:///studies.db", "elsewhere/all.journal"])
def test_a_storage_of_ones_own(storage: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("elsewhere").mkdir()
    options = ["search", "s.arch", "--table", "t.json", "--storage", storage, "--sampler", "random"]
    assert run([*options, "--trials", "5"]) == 0
    before = recorded("s-t", storage)
    assert run([*options, "--trials", "9"]) == 0
    after = recorded("s-t", storage)
    assert before.items() <= after.items()
    assert sum(record.outcome in MEASURED for record in after.values()) == 9
    assert f"next    blockdsl best s-t --storage {storage} -o winners/" in capsys.readouterr().out
    assert run(["best", "s-t", "--storage", storage, "-o", "winners"]) == 0
    assert list(Path("winners").glob("*.arch"))
    assert not Path("runs/s-t/study.journal").exists()


def test_files_are_measured_first(capsys: pytest.CaptureFixture[str]) -> None:
    """By their network, or by their choices; and one of another space is refused."""
    Path("a.arch").write_text("input 1x8x8\nnet CONV(4,1)-TANH-SIGMOID-RELU-GAP-FC(10)\n")
    Path("b.arch").write_text("# choose layer[1].choice[1]=SIGMOID\n# choose layer[2].choice[1]=RELU\n"
                              "# choose layer[3].choice[1]=TANH\ninput 1x8x8\nnet ID\n")  # fmt: skip
    options = ["search", "s.arch", "--table", "t.json", "--trials", "3", "--sampler", "random"]
    assert run([*options, "--enqueue", "a.arch", "--enqueue", "b.arch"]) == 0
    trials: list[Any] = find(StudyLocation("s-t")).get_trials()
    assert [list(trial.params.values()) for trial in trials[:2]] == [
        ["TANH", "SIGMOID", "RELU"], ["SIGMOID", "RELU", "TANH"],
    ]  # fmt: skip
    # The key 1,2,0 is the 15th of 27, 2,0,1 the 19th.
    assert [trial.values[0] for trial in trials[:2]] == [15 / 27, 19 / 27]
    capsys.readouterr()
    Path("c.arch").write_text("input 1x8x8\nnet CONV(4,1)-GELU-GAP-FC(10)\n")
    assert run([*options, "--enqueue", "c.arch"]) == 1
    assert "c.arch is none of the 27 networks of the space" in capsys.readouterr().err


def test_a_limit_that_a_table_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    Path("s.arch").write_text(TABLE_SPACE + "    require score(naswot) >= 1\n")
    assert run(["search", "s.arch", "--table", "t.json"]) == 1
    assert "t.json has no score(naswot)\n  help: it has accuracy" in capsys.readouterr().err
