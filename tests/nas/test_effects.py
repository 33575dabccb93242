"""What options were worth, in studies whose true effects are known."""

import math
import random
from statistics import fmean
from typing import Any

import numpy as np
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.study import Study
from optuna.trial import create_trial
from sklearn.linear_model import BayesianRidge, Ridge

from blockdsl.nas.report.choice_table import worth
from blockdsl.nas.report.effects import ENOUGH, Effects, effects
from blockdsl.nas.report.factor_levels import Choice, choices
from blockdsl.nas.report.findings import Findings, findings
from blockdsl.nas.report.importance import importances
from blockdsl.nas.report.networks import start_of
from tests.nas.studies import CHAIN, add, candidates, filled, options_of, study_of

TRUE = {
    "width": {"4": 0.0, "8": 0.05, "16": 0.08},
    "shortcut": {"no": 0.0, "yes": 0.1},
    "third": {"RELU": 0.03, "TANH": 0.0, "SIGMOID": -0.2, "GELU": 0.04},
}


def additive(options: dict[str, Any]) -> float:
    return 0.6 + sum(TRUE[path][option] for path, option in options.items())


def estimated(study: Study, objective: int = 0) -> tuple[list[Choice], Effects]:
    found = findings(study)
    known = choices([e.trial for e in found.done])
    model = effects(known, found.done, found.objectives[objective])
    assert model is not None
    return known, model


def contrasts(truth: dict[str, float]) -> dict[str, float]:
    """Each option less the mean of the others."""
    return {o: v - fmean(w for p, w in truth.items() if p != o) for o, v in truth.items()}


@pytest.mark.parametrize("share", [1.0, 0.75])
def test_effects_of_an_additive_truth_are_found(share: float) -> None:
    study, space = study_of(CHAIN)
    networks = list(candidates(space))
    filled(study, random.Random(3).sample(networks, round(share * len(networks))), additive)
    known, model = estimated(study)
    assert not model.relative
    assert model.explained == pytest.approx(1.0, abs=1e-6)
    for choice, found in zip(known, model.of, strict=True):
        wanted = contrasts(TRUE[choice.path])
        for level, effect in zip(choice.levels, found, strict=True):
            assert effect is not None
            assert effect.size == pytest.approx(wanted[level.text], abs=1e-5)
            assert effect.clear == (abs(wanted[level.text]) > 1e-5)


def test_costs_that_are_multiplied_have_relative_effects() -> None:
    """Networks whose parameters would be 1000 * width/4 * (2 with a shortcut)."""
    study, space = study_of(CHAIN)
    for candidate in candidates(space):
        options = options_of(candidate)
        params = 1000 * int(options["width"]) / 4 * (2 if options["shortcut"] == "yes" else 1)
        add(study, candidate, {"accuracy": 0.5 + params * 1e-5, "params": params})
    known, model = estimated(study, objective=1)
    assert model.relative
    sizes = {
        (c.path, o.text): e.size
        for c, row in zip(known, model.of, strict=True)
        for o, e in zip(c.levels, row, strict=True)
        if e is not None
    }
    assert sizes["shortcut", "yes"] == pytest.approx(1.0, abs=1e-4)
    assert sizes["shortcut", "no"] == pytest.approx(-0.5, abs=1e-4)
    # 4, 8, 16: the middle one is the geometric mean of the others, the last twice and four times them.
    assert sizes["width", "8"] == pytest.approx(0.0, abs=1e-4)
    assert sizes["width", "16"] == pytest.approx(math.sqrt(2 * 4) - 1, abs=1e-3)
    assert sizes["third", "GELU"] == pytest.approx(0.0, abs=1e-4)


def test_errors_and_trust_are_those_of_leaving_networks_out() -> None:
    """Against fits without each network, by another estimator (ridge regression with the same penalty)."""
    study, space = study_of(CHAIN)
    noise = random.Random(0)
    filled(study, candidates(space), lambda options: additive(options) + noise.gauss(0, 0.05))
    known, model = estimated(study)
    done = findings(study).done
    y = np.array([e.record.measured["accuracy"] for e in done])
    x = np.array(
        [[float(c.level(e.trial.params) == i) for c in known for i in range(len(c.levels))] for e in done]
    )
    fitted = BayesianRidge(tol=1e-6, max_iter=1000).fit(x, y / y.std())
    ridge = Ridge(alpha=fitted.lambda_ / fitted.alpha_)
    whole = ridge.fit(x, y).coef_.copy()
    moves, residuals, plain = [], [], []
    for i in range(len(y)):
        rest = np.arange(len(y)) != i
        ridge.fit(x[rest], y[rest])
        residuals.append(y[i] - ridge.predict(x[i : i + 1])[0])
        plain.append(y[i] - y[rest].mean())
        moves.append(whole - ridge.coef_)
    assert model.explained == pytest.approx(
        1 - np.sum(np.square(residuals)) / np.sum(np.square(plain)), rel=1e-6
    )
    column = 0
    for choice, row in zip(known, model.of, strict=True):
        for place, effect in enumerate(row):
            contrast = np.zeros(len(whole))
            contrast[column : column + len(row)] = -1 / (len(row) - 1)
            contrast[column + place] = 1
            posterior = y.std() * math.sqrt(contrast @ fitted.sigma_ @ contrast)
            jackknife = math.sqrt(np.sum(np.square(np.array(moves) @ contrast)))
            assert effect is not None, choice
            assert effect.size == pytest.approx(contrast @ whole, rel=1e-6)
            assert effect.error == pytest.approx(max(posterior, jackknife), rel=1e-6)
        column += len(row)


def test_an_option_of_one_network_is_never_clear() -> None:
    study, space = study_of(CHAIN)
    networks = [c for c in candidates(space) if options_of(c)["width"] != "16"]
    lonely = next(c for c in candidates(space) if options_of(c)["width"] == "16")
    noise = random.Random(1)
    filled(study, [*networks, lonely], lambda options: additive(options) + noise.gauss(0, 0.03))
    known, model = estimated(study)
    width = next(i for i, c in enumerate(known) if c.path == "width")
    effect = model.of[width][2]
    assert effect is not None
    assert not effect.clear


def test_few_networks_or_equal_ones_have_no_effects() -> None:
    study, space = study_of(CHAIN)
    networks = list(candidates(space))
    filled(study, networks[: ENOUGH - 1], additive)
    found = findings(study)
    assert effects(choices([e.trial for e in found.done]), found.done, found.objectives[0]) is None
    assert importances(found.done, found.objectives[0]) is None
    filled(study, networks[ENOUGH - 1 :], lambda _: 0.7)
    equal = [e for e in findings(study).done if e.record.measured["accuracy"] == 0.7]
    assert effects(choices([e.trial for e in equal]), equal, found.objectives[0]) is None
    assert importances(equal, found.objectives[0]) is None


TRAINED = """input 1x8x8
let kind = {RELU, TANH-CONV({4..7},1)}
net CONV(4,1)-kind-GAP-FC(10)
search
    maximize accuracy
    minimize params
train
    optimizer = sgd(lr={0.01, 0.1, 0.3})
"""


def by_rate(options: dict[str, Any]) -> float:
    return {"0.01": 0.5, "0.1": 0.9, "0.3": 0.1}[options["train.optimizer.lr"]] + 0.01 * len(options)


def test_importances_are_shares_and_know_what_cannot_matter() -> None:
    study, space = study_of(TRAINED)
    filled(study, candidates(space), by_rate)
    found = findings(study)
    for objective, most in zip(found.objectives, ("train.optimizer.lr", None), strict=True):
        shares = importances(found.done, objective)
        assert shares is not None
        assert sum(shares.values()) == pytest.approx(1.0)
        assert min(shares.values()) >= 0
        if most:
            assert max(shares, key=lambda path: shares[path]) == most
            assert len(shares) == 3  # the one under an option of `kind` among them
        else:
            assert "train.optimizer.lr" not in shares
    known, model = estimated(study, objective=1)
    rows = {c.path: row for c, row in zip(known, model.of, strict=True)}
    assert list(rows["train.optimizer.lr"]) == []


def table_of(study: Study) -> tuple[Findings, dict[tuple[str, str], Any], dict[str, Any]]:
    found = findings(study)
    shares = [importances(found.done, o) for o in found.objectives]
    table = worth(found, start_of(found), shares)
    options = {(row.path, option.text): option for row in table.rows for option in row.options}
    return found, options, {row.path: row for row in table.rows}


def test_the_table_counts_with_and_without() -> None:
    study, space = study_of(TRAINED)
    filled(study, candidates(space), by_rate)
    # Three rates; RELU once, TANH with four widths.
    _, options, rows = table_of(study)
    inner = next(path for path in rows if path.startswith("kind."))
    assert (rows["kind"].count, rows[inner].count) == (15, 12)
    assert (options["kind", "RELU"].count, options[inner, "5"].count) == (3, 3)
    assert [o.start for o in rows["train.optimizer.lr"].options] == [True, False, False]
    # A network of RELU has two choices, the others three.
    cell = options["train.optimizer.lr", "0.1"].cells[0]
    assert cell.mean == f"{0.9 + 0.01 * (2 + 4 * 3) / 5:.2%}"
    assert cell.mean_without == f"{0.3 + 0.01 * (2 + 4 * 3) / 5:.2%}"
    assert (cell.best, cell.best_without) == ("93.00%", "53.00%")
    # CONV(4,1) has 8 parameters, CONV(n,1) on 4 channels 5n, FC(10) on n channels 10n + 10.
    cell = options[inner, "5"].cells[1]
    assert cell.mean == f"{8 + 5 * 5 + 60}"
    assert cell.mean_without == f"{round(fmean(8 + 5 * n + 10 * n + 10 for n in (4, 6, 7)))}"


def test_networks_beyond_a_limit_are_not_the_best() -> None:
    study, space = study_of(CHAIN)
    networks = list(candidates(space))
    filled(study, networks[1:], additive)
    add(study, networks[0], {"accuracy": 0.999, "params": 1.0}, broken=("latency(cpu) <= 1",))
    found, options, _ = table_of(study)
    text = options_of(networks[0])["third"]
    rest = [additive(options_of(c)) for c in networks[1:] if options_of(c)["third"] == text]
    cell = options["third", text].cells[0]
    assert cell.best == f"{max(rest):.2%}"
    assert cell.mean == f"{fmean([*rest, 0.999]):.2%}"
    assert found.done[-1].number not in found.front


@pytest.mark.parametrize(
    ("distribution", "texts"),
    [
        (IntDistribution(2, 9), ["2", "3", "4", "5", "6", "7", "8", "9"]),
        (IntDistribution(4, 32, step=4), ["4", "8", "12", "16", "20", "24", "28", "32"]),
        (IntDistribution(1, 9), ["1 to 3", "4 to 6", "7 to 9"]),
        (IntDistribution(1, 500, log=True), ["1 to 7", "8 to 62", "63 to 500"]),
        (FloatDistribution(0.0, 0.9), ["0 to 0.3", "0.3 to 0.6", "0.6 to 0.9"]),
        (FloatDistribution(1e-4, 1e-1, log=True), ["0.0001 to 0.001", "0.001 to 0.01", "0.01 to 0.1"]),
        (FloatDistribution(0.9990, 0.9999), ["0.999 to 0.9993", "0.9993 to 0.9996", "0.9996 to 0.9999"]),
        (FloatDistribution(0.5, 0.5), ["0.5"]),
    ],
)
def test_ranges_are_looked_at_in_thirds(distribution: Any, texts: list[str]) -> None:
    trial = create_trial(value=0.0, params={"x": distribution.low}, distributions={"x": distribution})
    (choice,) = choices([trial])
    assert [level.text for level in choice.levels] == texts
    values: list[float] = list(np.linspace(distribution.low, distribution.high, 50))
    if isinstance(distribution, IntDistribution):
        values = list(range(distribution.low, distribution.high + 1, distribution.step))
    places = [choice.level({"x": value}) for value in values]
    assert None not in places
    assert sorted(set(places)) == list(range(len(texts)))
    assert choice.level({}) is None
