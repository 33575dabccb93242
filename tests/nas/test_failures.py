"""A trial that crashes keeps its traceback; a defect of this library ends the search instead."""

import sys
from collections.abc import Callable
from multiprocessing import SimpleQueue
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
import torch
from optuna.trial import TrialState
from torch import nn

from blockdsl import ModuleSpec, Operation, operation
from blockdsl.cli import run
from blockdsl.layers.join import Sum
from blockdsl.nas.engine import evaluation
from blockdsl.nas.engine.run_config import RunConfig
from blockdsl.nas.engine.worker import work
from blockdsl.nas.study.records import records
from blockdsl.nas.study.storage import StudyLocation
from blockdsl.nas.study.studies import find
from blockdsl.ops import Shape, unregister
from tests.nas.searching import HERE, by_outcome, config, search, started

NET = """input 1x8x8
net CONV({2,4},3)-(ID + RELU)-FLATTEN-FC(10)
search
    GOALS
train
    batch  = 256
    epochs = 1
"""


def space_text(*goals: str) -> str:
    return NET.replace("GOALS", "\n    ".join(goals))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- a crash is the network's, and is kept with its traceback


@pytest.mark.parametrize(
    ("body", "why", "last"),
    [
        ("raise ValueError('too\\nbad')", "too", "bad"),
        ("raise OSError('no such camera')", "no such camera", "OSError: no such camera"),
        ("raise Strange", "Strange", "Strange"),
        ("return None", "", "TypeError: "),
        ("return {}['key']", "'key'", "KeyError: 'key'"),
        ("return score(module)", "maximum recursion depth", "RecursionError: "),
        ("return blockdsl.load('alexnet', input=3)", "", "Error: "),
    ],
)
def test_what_a_function_raises_is_its_own(body: str, why: str, last: str, folder: Path) -> None:
    name = f"odd{crc32(body.encode())}"
    source = f"import blockdsl\nclass Strange(Exception): pass\ndef score(module):\n    {body}\n"
    (folder / f"{name}.py").write_text(source)
    found = by_outcome(
        search(space_text(f"maximize {name}:score"), 2, measured={"trusted": (f"{name}:score",)})
    )
    assert set(found) <= {"crashed", "duplicate"} and len(found["crashed"]) == 2
    for record in found["crashed"]:
        assert why in record.why
        assert record.traceback.startswith("Traceback (most recent call last):\n")
        assert last in record.traceback.splitlines()[-1]
        assert "None" in body or f"{name}.py" in record.traceback


class Broken(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise LookupError("the layer's own")


class Bent(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :, 1:]


@pytest.mark.parametrize(
    ("module", "last"), [(Broken, "LookupError: the layer's own"), (Bent, "RuntimeError: ")]
)
@pytest.mark.parametrize("goal", ["maximize accuracy", "maximize latency(cpu)", "maximize score(synflow)"])
def test_what_a_users_layer_raises_is_the_networks(module: type[nn.Module], last: str, goal: str) -> None:
    @operation("SWIRL")
    class Swirl(Operation):
        """A layer of the user's."""

        def infer(self, x: Shape) -> Shape:
            return x

        def spec(self, *inputs: Shape) -> ModuleSpec:
            return ModuleSpec(module)

    try:
        crashed = by_outcome(search(space_text(goal).replace("RELU", "SWIRL"), 2))["crashed"]
    finally:
        unregister("SWIRL")
    assert len(crashed) == 2
    assert all(last in record.traceback.splitlines()[-1] for record in crashed)


# --- a defect is none of the network's


def fails(*_: Any, **__: Any) -> None:
    raise KeyError("a defect")


def wrong_type(*_: Any, **__: Any) -> None:
    torch.zeros(2) @ "x"  # type: ignore[operator]


def breaks_build(patch: pytest.MonkeyPatch, broken: Callable[..., None]) -> None:
    patch.setattr(evaluation, "build", broken)


def breaks_training(patch: pytest.MonkeyPatch, broken: Callable[..., None]) -> None:
    patch.setattr(evaluation.training, "fit", broken)


def breaks_steps(patch: pytest.MonkeyPatch, broken: Callable[..., None]) -> None:
    patch.setattr("blockdsl.training.run.Run._update", broken)


def breaks_proposals(patch: pytest.MonkeyPatch, broken: Callable[..., None]) -> None:
    patch.setattr("blockdsl.nas.engine.proposals.Proposals._useful", broken)


@pytest.mark.parametrize("broken", [fails, wrong_type])
@pytest.mark.parametrize("breaks", [breaks_build, breaks_training, breaks_steps, breaks_proposals])
def test_a_defect_ends_the_search(
    breaks: Callable[..., None], broken: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        breaks(patch, broken)
        with pytest.raises(KeyError if broken is fails else TypeError):
            search(space_text("maximize accuracy"), 2)
    study = find(StudyLocation("s"))
    assert not records(study)
    assert [trial.state for trial in study.trials] == [TrialState.RUNNING]


def test_a_defect_in_a_layer_of_ours_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    # A function whose lines count as those of the module that has the class.
    code = compile("def forward(self, *inputs): return inputs.nothing", "join.py", "exec")
    exec(code, spoiled := {"__name__": Sum.__module__})
    monkeypatch.setattr(Sum, "forward", spoiled["forward"])
    with pytest.raises(AttributeError, match="nothing") as defect:
        search(space_text("maximize accuracy"), 2)
    assert "while trial 0 was measured" in defect.value.__notes__[0]


# --- the command


def test_the_command_tells_a_defect_from_a_crash(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    (folder / "probe.py").write_text(
        "from blockdsl.nas.engine import evaluation\n"
        "def score(module):\n"
        "    wide = max(p.shape[0] for p in module.parameters() if p.ndim == 4) == 4\n"
        "    if wide:\n"
        "        raise ValueError('too wide')\n"
        "    return 1.0\n"
        "def sabotage(module):\n"
        "    evaluation.latency = lambda *given: {}['a defect']\n"
        "    return 1.0\n"
    )
    Path("s.arch").write_text(space_text("maximize probe:score"))
    options = ["--trials", "2", "--sampler", "random"]
    assert run(["search", "s.arch", "--trust", "probe:score", *options]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    study = find(StudyLocation("s-digits"))
    ended = {record.outcome: n for n, (_, record) in records(study).items()}
    number, done = ended["crashed"], ended["done"]
    command = f"blockdsl report s-digits --traceback {number}"
    assert f"crashed trial {number}: `{command}` prints the traceback" in shown
    assert run(command.split()[1:]) == 0
    printed = capsys.readouterr().out
    assert "probe.py" in printed and printed.endswith("ValueError: too wide\n")
    assert run(["report", "s-digits", "--traceback", str(done)]) == 1
    told = capsys.readouterr().err
    assert f"trial {done} has no traceback: it ended as done" in told
    assert f"those that have one: {number}" in told
    assert run(["report", "s-digits", "--traceback", "99"]) == 1
    assert "s-digits has no trial 99 that ended" in capsys.readouterr().err

    Path("d.arch").write_text(space_text("maximize probe:sabotage", "minimize latency(cpu)"))
    assert run(["search", "d.arch", "--trust", "probe:sabotage", *options]) == 70
    told = capsys.readouterr().err
    assert "error[defect]: KeyError: 'a defect'" in told


class UnpicklableError(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


@pytest.mark.parametrize(
    ("raised", "kind", "text"),
    [
        (KeyError("a defect"), KeyError, "'a defect'"),
        (UnpicklableError(1, 2), RuntimeError, "UnpicklableError: 1 and 2"),
    ],
)
def test_a_worker_hands_over_what_ends_it(
    raised: Exception, kind: type[Exception], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, run = config(space_text("maximize accuracy")), RunConfig(2, sampler="random")
    study = started(given)
    lost: SimpleQueue[Exception] = SimpleQueue()

    def broken(*_: Any, **__: Any) -> None:
        raise raised

    monkeypatch.setattr(evaluation, "build", broken)
    with pytest.raises(SystemExit) as ended:
        work(
            given, HERE, run, (), lost, study=study.study_name, seed=0, deadline=run.deadline()
        )  # fmt: skip
    sent = lost.get()
    assert ended.value.code == 1 and type(sent) is kind and str(sent) == text
    (note,) = sent.__notes__
    assert note.startswith("In the worker process:\nTraceback (most recent call last):")
    assert "while trial 0 was measured" in note and "in broken" in note
