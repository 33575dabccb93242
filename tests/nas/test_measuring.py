"""What a search measures, how, and what it does not train."""

import statistics
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import blockdsl
from blockdsl import training
from blockdsl.codegen import build
from blockdsl.diagnostics import ArchError
from blockdsl.lowering import Program
from blockdsl.nas.engine.evaluation import Evaluator, latency
from blockdsl.nas.engine.filters import Filter
from blockdsl.nas.objectives.limits import wanted
from blockdsl.nas.objectives.proxies import PROXIES
from blockdsl.nas.study.records import records
from tests.nas.searching import by_outcome, search
from tests.nas.searching import config as study_config

NET = """input 1x8x8
net CONV({2,4,8},3)-{RELU,TANH}-FLATTEN-FC(10)
search
    GOALS
train
    optimizer = adam(lr=0.01)
    batch     = 64
    epochs    = 1
"""


def text(*goals: str) -> str:
    return NET.replace("GOALS", "\n    ".join(goals))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def evaluator(source: str, **config: object) -> tuple[Evaluator, Program]:
    """An evaluator of a space, with the first of its networks."""
    about = study_config(source, **config)
    space = about.space()
    return Evaluator(about, wanted(space, about.objectives(space))), space.first().frozen_program()


# --- objectives


def test_scores_are_of_real_images_through_fresh_weights() -> None:
    found = by_outcome(search(text("maximize score(grad_norm)", "minimize params"), 6))["done"]
    assert len(found) == 6
    about, program = evaluator(text("maximize score(grad_norm)"))
    data = about.data(program)
    x, labels = training.prepare.Preparation(data)(*next(iter(_first(data, 32))))
    module = build(program.graph, init=program.recipe.init, seed=program.recipe.seed)
    first = {record.measured["score(grad_norm)"] for record in found}
    assert PROXIES["grad_norm"](module, x, labels) in first


def _first(data: training.Data, count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [(data.train.batch(torch.arange(count)), data.train.labels[:count])]


class Watched(nn.Module):
    """A layer that takes at least 5 ms, and remembers how it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[object, ...]] = set()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        state = (self.training, torch.is_inference_mode_enabled(), torch.get_num_threads())
        self.seen.add((tuple(x.shape), *state))
        time.sleep(0.005)
        return x


@pytest.mark.parametrize("threads", [1, 2])
def test_latency_is_of_one_sample_in_inference_with_the_threads_as_they_are(threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    module, graph = Watched(), blockdsl.parse("input 3x4x5\nnet RELU").program.graph
    try:
        assert latency(module, graph, "cpu") >= 5
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert module.seen == {((1, 3, 4, 5), False, True, threads)}
    assert module.calls > 3


def test_latency_is_milliseconds() -> None:
    found = by_outcome(search(text("minimize latency(cpu)"), 2))["done"]
    assert all(0 < record.measured["latency(cpu)"] < 1000 for record in found)
    assert all(record.epochs == 0 for record in found)


def test_a_function_is_called_with_the_module(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "sparsity.py").write_text(
        "def weights(module):\n    return sum(p.numel() for p in module.parameters() if p.ndim > 1)\n"
    )
    monkeypatch.setattr(sys, "path", [*sys.path])
    goal = text("minimize sparsity:weights")
    with pytest.raises(ArchError, match="if you trust it: --trust sparsity:weights"):
        search(goal, 1)
    study = search(goal, 6, measured={"trusted": ("sparsity:weights",)})
    for record in by_outcome(study)["done"]:
        # All but the biases: 2, 4 or 8 of the convolution and 10 of the head.
        assert record.measured["params"] - record.measured["sparsity:weights"] in (12, 14, 18)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def other(module): return 1\n", "cannot call broken:count: module 'broken' has no attribute"),
        ("def count(module) return 1\n", "cannot call broken:count: "),
        ("import nothing_of_that_name\n", "cannot call broken:count: No module named"),
    ],
)
def test_a_function_that_is_none_is_told_at_once(
    source: str, message: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "broken.py").write_text(source)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    about, program = evaluator(text("minimize broken:count"), trusted=("broken:count",))
    with pytest.raises(ArchError) as refused:
        about.check(program)
    assert refused.value.diagnostic.message.startswith(message)


# --- what is not worth training


def test_a_limit_that_needs_no_training_is_decided_before_it() -> None:
    goals = text("maximize accuracy", "require score(params) <= 1500")
    study = search(goals, 6)
    found = by_outcome(study)
    # 2 * 10 + (72 + 1) * 10 = 750 parameters, 4 * 10 + 145 * 10 = 1490, 8 * 10 + 289 * 10 = 2970.
    assert sorted(record.measured["params"] for record in found["skipped"]) == [2970, 2970]
    assert sorted(record.measured["params"] for record in found["done"]) == [750, 750, 1490, 1490]
    for record in found["skipped"]:
        assert record.epochs == 0 and "accuracy" not in record.measured
        assert record.why == "score(params) <= 1500"
    # What was skipped is known, and not looked at again.
    again = by_outcome(search(goals, 6))
    assert len(again["skipped"]) == 2 and len(again["done"]) == 4


def test_a_limit_on_what_training_yields_decides_who_can_win() -> None:
    study = search(text("maximize accuracy", "require accuracy >= 0.99 and score(params) > 0"), 2)
    assert [record.broken for record in by_outcome(study)["done"]] == [
        ["accuracy >= 0.99 and score(params) > 0"]
    ] * 2


def test_samplers_see_by_how_much_a_limit_is_missed() -> None:
    goals = ("maximize accuracy", "require score(params) <= 9000 and accuracy > 2", "require accuracy >= 2")
    for trial, record in records(search(text(*goals, "require 3000 > score(params)"), 2)).values():
        assert trial.constraints == {
            "score(params) <= 9000 and accuracy > 2": 1.0,
            "accuracy >= 2": pytest.approx(2 - record.measured["accuracy"]),
            "3000 > score(params)": record.measured["params"] - 3000,
        }


def test_a_limit_on_the_time_that_training_takes() -> None:
    found = by_outcome(search(text("maximize accuracy", "require seconds <= 0.0001"), 1))
    assert found["done"][0].broken == ["seconds <= 0.0001"]


def test_a_limit_on_a_score_that_is_none() -> None:
    with pytest.raises(ArchError, match="there is no score of naswt"):
        search(text("maximize accuracy", "require score(naswt) >= 10"), 1)


def test_a_search_ends_where_nothing_is_worth_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blockdsl.nas.engine.proposals.DRAWS", 20)
    endless = text("maximize accuracy", "require score(params) < 0").replace("lr=0.01", "lr={0.001..0.1}")
    found = by_outcome(search(endless, 5))
    assert set(found) <= {"skipped", "duplicate"} and len(found["skipped"]) == 20


def test_a_filter_trains_the_better_part() -> None:
    study = search(text("maximize accuracy"), 6, filter=Filter.read("params:0.5"))
    found = by_outcome(study)
    assert len(found["done"]) + len(found["skipped"]) == 6
    best = max(record.measured["params"] for record in found["done"])
    assert best == 2970
    for record in found["skipped"]:
        assert record.why == "score(params) is not in the better 50%"
        assert record.measured["score(params)"] == record.measured["params"] < best


def test_a_filter_compares_with_all_seen() -> None:
    half, tenth = Filter.read("params:0.5"), Filter.read("params:0.1")
    scored = search(text("minimize macs", "require score(params) > 0"), 6)
    # Two each of 750, 1490 and 2970.
    assert half.refuses(scored, {"score(params)": 2000.0}) == ""
    assert half.refuses(scored, {"score(params)": 1000.0}) != ""
    assert tenth.refuses(scored, {"score(params)": 2000.0}) != ""
    assert tenth.refuses(scored, {"score(params)": 3000.0}) == ""


@pytest.mark.parametrize("word", ["naswot", "naswot:2", "naswot:0", "naswot:half"])
def test_filters_that_are_none(word: str) -> None:
    with pytest.raises(ArchError, match=r"to train the better half: naswot:0\.5"):
        Filter.read(word)


# --- fidelities


def test_several_folds_and_seeds_are_averaged() -> None:
    config = {"folds": 2, "seeds": 2}
    goal = text("maximize accuracy").replace("{2,4,8}", "4").replace("{RELU,TANH}", "RELU")
    record = by_outcome(search(goal, 1, measured=config))["done"][0]
    _, program = evaluator(goal)
    runs = []
    for seed in (0, 1):
        for fold in (0, 1):
            data = training.load("digits", (1, 8, 8), share=0.1, fold=(fold, 2))
            module = build(program.graph, init=program.recipe.init, seed=program.recipe.seed + seed)
            options = {"seed": program.recipe.seed + seed, "device": "cpu"}
            runs.append(training.fit(module, data, program.recipe, **options).accuracy)
    assert len(set(runs)) > 1
    assert record.measured["accuracy"] == pytest.approx(statistics.fmean(runs))
    assert record.epochs == 4


def test_a_smaller_size_is_trained_with_and_the_network_stays() -> None:
    goal = text("maximize accuracy", "minimize macs").replace("FLATTEN", "GAP")
    about, program = evaluator(goal, size=4)
    assert about.sized(program).graph.only_input("a test") == (1, 4, 4)
    data = about.data(about.sized(program))
    x, _ = training.prepare.Preparation(data)(*_first(data, 5)[0])
    assert x.shape == (5, 1, 4, 4)
    study = search(goal, 2, measured={"size": 4})
    for _, record in records(study).values():
        # 6x6 places for 3x3 windows in images of 8x8, whatever it is trained with.
        channels = (record.measured["params"] - 10) / 20
        assert record.measured["macs"] == channels * (36 * 9 + 10)
    assert not list(Path("runs/s").glob("weights/*"))


def test_the_side_before_crops_shrinks_with_the_size() -> None:
    goal = text("maximize accuracy").replace("epochs    = 1", "epochs    = 1\n    resize    = 12")
    about, program = evaluator(goal, size=4)
    assert about.sized(program).recipe.resize == 6


def test_a_size_that_a_network_cannot_take() -> None:
    about, program = evaluator(text("maximize accuracy"), size=2)
    with pytest.raises(ArchError, match="at --size 2: "):
        about.check(program)
    about, program = evaluator(text("maximize accuracy"), size=9)
    with pytest.raises(ArchError, match="--size 9 is no smaller image: the networks take 1x8x8"):
        about.check(program)
    # One network of the space cannot: it is passed over.
    deeper = text("maximize accuracy").replace("-FLATTEN", "-CONV({2,3},{1,4})-FLATTEN")
    found = by_outcome(search(deeper, 6, measured={"size": 4}))
    assert found["skipped"] and len(found["done"]) == 6
    assert all(record.epochs == 0 for record in found["skipped"])


def test_what_a_study_is_measured_with_is_written_into_its_winners() -> None:
    about = study_config(text("maximize accuracy"), share=0.5, size=4, folds=3, seeds=2)
    assert about.words(24, 7) == "on digits, 50% of it, at 4x4; 24 epochs in all, 3 folds, seeds 7 to 8"
    assert study_config("", share=1.0).words(12, 0) == "on digits; 12 epochs, seed 0"


@pytest.mark.parametrize(("field", "option"), [("size", "--size 4"), ("folds", "--folds 4")])
def test_a_study_goes_on_with_the_same_fidelity(field: str, option: str) -> None:
    search(text("minimize params"), 1)
    with pytest.raises(ArchError, match=f"and this is with {option}"):
        search(text("minimize params"), 2, measured={field: 4})


# --- outcomes that are recorded


def outcomes_of(goal: str, trials: int, **config: object) -> dict[str, int]:
    return {
        outcome: len(found) for outcome, found in by_outcome(search(goal, trials, measured=config)).items()
    }


def test_what_diverges_is_recorded_and_not_tried_again() -> None:
    goal = text("maximize accuracy").replace("adam(lr=0.01)", "sgd(lr={0.05, 1e9})")
    goal = goal.replace("{RELU,TANH}", "ID").replace("{2,4,8}", "{2,4}").replace("64", "8")
    # Two widths and two rates: four networks, of which no fifth can be asked for.
    assert {k: v for k, v in outcomes_of(goal, 9).items() if k != "duplicate"} == {"done": 2, "diverged": 2}
    assert {k: v for k, v in outcomes_of(goal, 9).items() if k != "duplicate"} == {"done": 2, "diverged": 2}


def test_what_has_no_room_is_recorded() -> None:
    # 4 channels of 480,006 x 480,006 for each image are 3.7 TB.
    goal = text("maximize accuracy").replace("FLATTEN", "{GAP, PAD(240000)-GAP}")
    found = by_outcome(search(goal.replace("{2,4,8}", "4"), 4))
    assert len(found["done"]) == 2 and len(found["out of memory"]) == 2
    assert "allocate" in found["out of memory"][0].why


def test_what_a_function_raises_is_recorded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "picky.py").write_text(
        "import math, torch\n"
        "def score(module):\n"
        "    if any(isinstance(m, torch.nn.Tanh) for m in module.modules()):\n"
        "        raise ValueError('no tanh, please')\n"
        "    wide = max(p.shape[0] for p in module.parameters() if p.ndim == 4)\n"
        "    return math.nan if wide == 8 else 1.0\n"
    )
    monkeypatch.setattr(sys, "path", [*sys.path])
    found = by_outcome(search(text("maximize picky:score"), 6, measured={"trusted": ("picky:score",)}))
    assert len(found["done"]) == 2
    assert [record.why for record in found["crashed"]] == ["no tanh, please"] * 3
    assert [record.why for record in found["diverged"]] == ["picky:score is not finite"]
