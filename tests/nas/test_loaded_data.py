"""A search of networks that are trained on a data set that was loaded in Python."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import blockdsl
from blockdsl import ArchError
from blockdsl.nas.study.records import records
from blockdsl.training import Data, load, predict
from blockdsl.training.data import InMemory
from tests.nas import searching

SPACE = """input 1x8x8
net FLATTEN-FC({4, 8})-RELU-FC(10)
train
    epochs = 2
search
    maximize accuracy
"""


class Splits(InMemory):
    """A split of a class of the user's."""


class Unsent(InMemory):
    """What pickle refuses."""

    def __reduce__(self) -> Any:
        raise TypeError("this holds an open file")


class Unread(InMemory):
    """What another process cannot make again."""

    def __reduce__(self) -> Any:
        return int, ("no split",)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.arch").write_text(SPACE)


def own(kind: type[InMemory], workers: int = 0) -> Data:
    """A tenth of the digits in splits of some class."""
    data = load("digits", (1, 8, 8), share=0.1)

    def split(part: Any) -> InMemory:
        return kind(part.batch(torch.arange(len(part.labels))), part.labels, workers)

    return replace(data, name="mine", train=split(data.train), validation=split(data.validation))


def search(data: str | Data, **options: Any) -> blockdsl.StudyResult:
    return blockdsl.search("s.arch", data, sampler="grid", device="cpu", study="s", **options)


def test_networks_are_trained_as_on_the_data_set_by_its_name() -> None:
    result = search(own(Splits, workers=1), trials=2)
    found = {tuple(t.params.values()): t.values for t in result.study.trials}
    assert len(found) == 2
    (best,) = result.best()
    fingerprint = own(Splits).fingerprint()
    assert f" on mine, loaded data {fingerprint}; 2 epochs, seed 0." in best.text
    data, network = own(Splits), best.architecture
    module = network.module(weights=best.weights)
    answers = predict(module, data, network.program.recipe, data.validation, device="cpu")
    right = answers.argmax(1) == data.validation.labels
    assert best.trial.value == pytest.approx(right.double().mean().item())
    Path("runs").rename("before")
    named = searching.search(SPACE, 2, sampler="grid")
    assert {tuple(t.params.values()): t.values for t in named.trials} == found
    assert all(record.outcome == "done" for _, record in records(named).values())


def test_a_study_goes_on_with_the_same_data_alone() -> None:
    Path("s.arch").write_text(SPACE.replace("maximize accuracy", "minimize params"))
    data = load("digits", (1, 8, 8), share=0.5)
    search(data, trials=1)
    assert len(search(load("digits", (1, 8, 8), share=0.5), trials=2).best(2)) == 2
    other = load("digits", (1, 8, 8), share=0.4)
    for given, difference in {
        other: f"begun with loaded data {data.fingerprint()}, and this is with loaded data "
        f"{other.fingerprint()}",
        replace(data, name="numerals"): "begun with --data digits, and this is with --data numerals",
        "digits": f"begun with loaded data {data.fingerprint()}, and this is without loaded data",
    }.items():
        with pytest.raises(ArchError, match=f"the study s is another one: it was {difference}") as refused:
            search(given, trials=2)
        assert "--study NAME" in str(refused.value)
    assert "go on in Python, with the same data loaded in the same way; or give" in str(refused.value)


def test_a_study_that_was_begun_by_name_does_not_go_on_with_loaded_data() -> None:
    searching.started(searching.config(SPACE, share=1.0))
    with pytest.raises(ArchError, match="begun without loaded data, and this is with loaded data"):
        search(load("digits", (1, 8, 8)))


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (load("digits", (1, 8, 8)), {"share": 0.5}, "has its share already, and its images to validate on"),
        (load("digits", (1, 8, 8)), {"folds": 2}, "has its share already, and its images to validate on"),
        (load("digits", (1, 9, 9)), {}, "digits was loaded for 1x9x9, the network takes 1x8x8"),
        (load("digits", (1, 8, 8)), {"size": 4}, "digits was loaded for 1x8x8, the network takes 1x4x4"),
        (own(Unsent), {}, "mine cannot be handed to the workers: TypeError: this holds an open file"),
    ],
)
def test_what_cannot_work_is_refused(data: Data, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArchError, match=re.escape(message)):
        search(data, trials=1, **options)
    assert not Path("runs").exists()


def test_a_worker_says_that_it_cannot_read_the_data() -> None:
    with pytest.raises(ArchError, match=r"a worker cannot read the data: ValueError: .*no split") as refused:
        search(own(Unread), trials=1)
    assert "in a module that other processes can import" in str(refused.value)
