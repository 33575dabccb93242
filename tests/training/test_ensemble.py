"""Ensembles: members differ by seed, their averaged probabilities are what is scored."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from blockdsl.diagnostics import ArchError
from blockdsl.recipe import Recipe
from blockdsl.training import fit_ensemble, load
from blockdsl.training.prepare import Preparation


def test_members_are_averaged(tmp_path):
    data = load("digits", (64,), validation=0.2, share=0.1)
    data = replace(data, test=data.train)
    made = []

    def make():
        made.append(nn.Linear(64, 10))
        return made[-1]

    recipe = Recipe(epochs=2, batch=16)
    result = fit_ensemble(make, 3, data, recipe, out=tmp_path, device="cpu", seed=5)
    x, labels = Preparation(data)(
        data.validation.batch(torch.arange(len(data.validation.labels))), data.validation.labels
    )
    total = torch.zeros(len(labels), 10)
    for index, member in enumerate(result.members, 1):
        weights = load_file(tmp_path / f"member{index}" / "best.safetensors")
        shares = (x @ weights["weight"].T + weights["bias"]).softmax(1)
        assert float((shares.argmax(1) == labels).double().mean()) == pytest.approx(member.accuracy)
        total += shares
    assert float((total.argmax(1) == labels).double().mean()) == pytest.approx(result.accuracy)
    assert result.test_accuracy is not None and len(made) == 3
    assert not torch.equal(made[0].weight, made[1].weight)


def test_one_seed_gives_one_ensemble():
    data = load("digits", (64,), share=0.1)

    def run():
        members = fit_ensemble(lambda: nn.Linear(64, 10), 2, data, Recipe(epochs=1), device="cpu").members
        return [e.train_loss for member in members for e in member.history]

    first = run()
    assert first == run() and first[0] != first[1]


def test_an_interrupted_ensemble_equals_an_uninterrupted_one(tmp_path):
    """Stopped in its second member: the first is done, the third not begun."""
    data = load("digits", (64,), share=0.1)

    def run(folder, **options):
        result = fit_ensemble(
            lambda: nn.Linear(64, 10), 3, data, Recipe(), epochs=3, device="cpu", out=folder, **options
        )
        return [[e.train_loss for e in m.history] for m in result.members], result.accuracy

    expected = run(tmp_path / "straight")

    class InterruptionError(Exception):
        pass

    def stop(epoch):
        seen.append(epoch)
        if len(seen) == 5:
            raise InterruptionError

    seen = []
    with pytest.raises(InterruptionError):
        run(tmp_path / "cut", on_epoch=stop)
    assert run(tmp_path / "cut", resume=True) == expected
    with pytest.raises(ArchError, match=r"there is no checkpoint .*member1"):
        run(tmp_path / "none", resume=True)


def test_a_member_that_diverges_is_left_out_of_the_average():
    data = load("digits", (64,), share=0.1)
    broken = iter([False, True])

    def make():
        module = nn.Linear(64, 10)
        if next(broken):
            module.weight.data.fill_(torch.nan)
        return module

    result = fit_ensemble(make, 2, data, Recipe(epochs=1), device="cpu")
    assert [m.outcome for m in result.members] == ["finished", "diverged"]
    assert result.accuracy == pytest.approx(result.members[0].accuracy)
