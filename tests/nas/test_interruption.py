"""`kill -9` of a search and its workers at any moment: the same command goes on, and nothing is lost."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from optuna.trial import TrialState

from blockdsl.diagnostics import ArchError
from blockdsl.nas.study.records import DONE, DUPLICATE, records
from blockdsl.nas.study.storage import StudyLocation
from blockdsl.nas.study.studies import find

SPACE = """input 1x8x8
block layer = {ID, RELU-CONV(4,1), RELU-CONV(4,3,p1)}
net CONV(4,1)-layer*4-GAP-FC(10)
search
    maximize accuracy
train
    batch  = 256
    epochs = 1
"""
"""31 different networks: identities may stand anywhere, 1 + 2 + 4 + 8 + 16. Each is trained in a moment."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.arch").write_text(SPACE)


def finished(storage: str | None) -> dict[int, tuple[str, list[float] | None]]:
    """The identity and values of each trial that ended, by number."""
    try:
        study = find(StudyLocation("s-digits", storage))
        ended = records(study)
    except (ArchError, KeyError, ValueError):  # not there yet, or half a line of it
        return {}
    return {n: (r.identity, t.values) for n, (t, r) in ended.items() if r.outcome == DONE}


@pytest.mark.long
@pytest.mark.parametrize(
    ("storage", "kills", "trials", "seed"), [(None, 5, 24, 1), ("sqlite:///studies.db", 5, 24, 2)]
)
def test_killed_and_resumed(storage: str | None, kills: int, trials: int, seed: int) -> None:
    command = [
        sys.executable, "-m", "blockdsl.cli", "search", "s.arch", "--trials", str(trials),
        "--jobs", "2", "--sampler", "random", *(["--storage", storage] if storage else []),
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    moments = random.Random(seed)
    kept: dict[int, tuple[str, list[float] | None]] = {}
    for _ in range(kills):
        process = subprocess.Popen(
            command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL
        )
        # Some time after it has gone on, so that a trial more at the least has ended, or before.
        wanted = len(kept) + moments.choice([0, 1, 1, 2])
        while process.poll() is None and len(finished(storage)) < wanted:
            time.sleep(0.1)
        time.sleep(moments.uniform(0, 0.3))
        assert process.poll() is None, "it ended before it was killed"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        before, kept = kept, finished(storage)
        assert before.items() <= kept.items()
    assert subprocess.run(command, env=environment, check=False).returncode == 0
    end = finished(storage)
    assert kept.items() <= end.items()
    assert len({identity for identity, _ in end.values()}) == len(end) == trials
    study = find(StudyLocation("s-digits", storage))
    assert not study.get_trials(states=(TrialState.RUNNING,))
    assert {record.outcome for _, record in records(study).values()} <= {DONE, DUPLICATE}
