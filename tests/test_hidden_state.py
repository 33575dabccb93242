"""Hidden state is confined: each kind of it stands in one module, and nothing is left behind."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from optuna.trial import TrialState
from torch import nn

from blockdsl.cli import run
from blockdsl.codegen.leaves import twin
from blockdsl.importing import importable
from blockdsl.nas.engine.run_config import Deadline
from blockdsl.ops.registry import import_operations
from blockdsl.speedups import copied
from tests.nas.searching import by_outcome, search

PACKAGE = Path(__file__).parents[1] / "blockdsl"
HOMES = {
    "os._exit": None,
    "sys.path": "importing.py",
    "gc.disable": "speedups.py",
    "gc.set_threshold": "speedups.py",
    "object.__new__": "speedups.py",
    "._storage": "nas/optuna_private.py",
    "._trial_id": "nas/optuna_private.py",
    "._study_id": "nas/optuna_private.py",
    "._file_path": "nas/optuna_private.py",
    "optuna private": "nas/optuna_private.py",
}
"""What changes or reaches behind the back of others, and the one module that may."""


def used(file: Path) -> Iterator[str]:
    """What of `HOMES` a file uses."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            yield from {ast.unparse(node), f".{node.attr}"} & set(HOMES)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("optuna"):
            names = [*str(node.module).split("."), *(alias.name for alias in node.names)]
            if any(name.startswith("_") for name in names):
                yield "optuna private"


def test_each_kind_stands_in_one_module() -> None:
    found = {(what, f.relative_to(PACKAGE).as_posix()) for f in PACKAGE.rglob("*.py") for what in used(f)}
    assert found == {(what, home) for what, home in HOMES.items() if home is not None}


# --- sys.path


def test_modules_of_a_folder_come_first_and_only_meanwhile(tmp_path: Path) -> None:
    before = list(sys.path)
    with importable(tmp_path), importable(tmp_path):
        assert sys.path == [str(tmp_path), *before]
    with pytest.raises(ZeroDivisionError), importable(tmp_path):
        _ = 1 // 0
    with importable(tmp_path):
        sys.path.remove(str(tmp_path))
    with importable(None), importable(before[-1]):
        assert sys.path == before
    assert sys.path == before


def test_importing_and_searching_leave_the_path_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("hidden_a", "hidden_b", "hidden_c"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    Path("hidden_a.py").write_text("import hidden_b\n")
    Path("hidden_b.py").write_text("")
    Path("hidden_c.py").write_text("def score(module):\n    import hidden_d\n    return hidden_d.SCORE\n")
    Path("hidden_d.py").write_text("SCORE = 3.0\n")
    before = list(sys.path)
    import_operations(["hidden_a"], folder=tmp_path)
    assert run(["check", "-e", "input 3 net FC(4)", "--import", "hidden_a"]) == 0
    text = "input 1x8x8\nnet FLATTEN-FC({10,11})\nsearch\n maximize hidden_c:score\n"
    found = by_outcome(search(text, 1, measured={"trusted": ("hidden_c:score",)}))
    assert [record.measured["hidden_c:score"] for record in found["done"]] == [3.0]
    assert sys.path == before


# --- the time is up amid a training


def test_a_training_that_the_time_cuts_short_is_left_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (
        "input 1x8x8\nnet FLATTEN-FC(10)-{RELU,TANH}\nsearch\n maximize accuracy\n"
        "train\n batch = 256\n epochs = 3\n"
    )
    looks = iter([False, False, True])  # before the trial, after its first epoch and its second
    with monkeypatch.context() as patch:
        patch.setattr(Deadline, "is_over", lambda self: next(looks))
        study = search(text, 2)
    assert [trial.state for trial in study.trials] == [TrialState.RUNNING]
    assert next(looks, None) is None


# --- objects made without their constructor


def test_copies_have_their_own_attributes() -> None:
    class Point:
        def __init__(self) -> None:
            raise AssertionError("the constructor was called")

    point: Point = object.__new__(Point)
    point.__dict__.update(x=1, y=[2])
    other = copied(point, x=3, value=4)
    assert vars(other) == {"x": 3, "y": [2], "value": 4} and vars(point) == {"x": 1, "y": [2]}
    assert type(other) is Point and vars(other)["y"] is vars(point)["y"]


def test_a_twin_shares_nothing_with_its_module() -> None:
    module = nn.BatchNorm2d(3)
    other = twin(module)
    with torch.no_grad():
        for tensor in other.state_dict().values():
            tensor.add_(1)
    other.eval()
    other.register_buffer("more", torch.zeros(1))
    fresh = nn.BatchNorm2d(3).state_dict()
    assert module.training and module.state_dict().keys() == fresh.keys()
    assert all(torch.equal(tensor, fresh[name]) for name, tensor in module.state_dict().items())
