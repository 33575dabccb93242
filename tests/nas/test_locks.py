"""One command at a time searches in a folder, one process at a time proposes; a killed one holds nothing."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from blockdsl.diagnostics import ArchError
from blockdsl.nas.engine.proposals import Proposals
from blockdsl.nas.study.storage import JOURNAL, StudyLocation
from tests.nas.studies import CHAIN, study_of

ROOT = Path(__file__).parents[2]
HOLDS = """import sys
from pathlib import Path
from blockdsl.nas.study.storage import StudyLocation
with StudyLocation("s", root=Path(sys.argv[1])).held():
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> "subprocess.Popen[str]":
    """A process that holds a folder until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(folder.parent)], env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_a_folder_is_held_until_its_process_is_killed(tmp_path: Path) -> None:
    location = StudyLocation("s", root=tmp_path / "runs")
    folder = location.folder
    with holder(folder) as process:
        with pytest.raises(ArchError) as refused, location.held():
            raise AssertionError("two commands hold one folder")
        assert refused.value.diagnostic.message == f"another command is searching in {folder}"
        process.send_signal(signal.SIGKILL)
    (folder / JOURNAL).write_bytes(b'{"op_code": 0}\n{"op_')
    with location.held():
        assert (folder / JOURNAL).read_bytes() == b'{"op_code": 0}\n'
    with pytest.raises(ZeroDivisionError), location.held():
        _ = 1 // 0
    with location.held(), StudyLocation("other", root=tmp_path / "runs").held():
        pass


def test_a_place_that_is_no_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(ArchError, match="cannot write to"), StudyLocation("s", root=tmp_path / "runs").held():
        raise AssertionError("a file holds nothing")


def test_one_process_at_a_time_proposes(tmp_path: Path) -> None:
    study, space = study_of(CHAIN)
    proposals = Proposals(study, space, tmp_path, target=3, seed=0)
    found = []
    asking = threading.Thread(target=lambda: found.append(proposals.next()))
    with FileLock(tmp_path / ".ask"):
        asking.start()
        asking.join(0.2)
        assert asking.is_alive() and not study.trials
    asking.join()
    assert found[0] is not None and len(study.trials) == 1
