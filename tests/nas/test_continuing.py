"""Going on with a study: the same space, a space that has changed, and what a killed search left."""

from pathlib import Path

import pytest
from optuna.distributions import IntDistribution
from optuna.study import Study
from optuna.trial import create_trial

from blockdsl.diagnostics import ArchError
from blockdsl.nas.engine.run_config import RunConfig
from blockdsl.nas.engine.worker import Worker
from blockdsl.nas.study.records import DONE, DUPLICATE, MEASURED, Record, records
from blockdsl.nas.study.studies import Continued, begin, network_of
from blockdsl.source import Source
from blockdsl.space import Space
from tests.nas.searching import HERE, by_outcome, config, search, started

SPACE = """input 1x8x8
let width = {2, 4, 8}
net CONV(width,3)-{RELU,TANH}-FLATTEN-FC(10)
search
    maximize accuracy
train
    optimizer = adam(lr=0.01)
    batch     = 64
    epochs    = 1
"""
"""Six networks of 20, 40 or 80 parameters and 36 * width * 10 + 10."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def done(study: Study) -> dict[str, Record]:
    """The measured networks by identity."""
    found = [record for _, record in records(study).values() if record.outcome in MEASURED]
    assert len({record.identity for record in found}) == len(found)
    return {record.identity: record for record in found}


def continued(text: str) -> Continued:
    given = config(text)
    return begin(HERE, given, given.space())


def test_more_options_keep_all_trials() -> None:
    before = done(search(SPACE, 4))
    wider = SPACE.replace("TANH", "TANH,SIGMOID").replace("{2, 4, 8}", "{2, 4, 8, 12}")
    found = continued(wider)
    assert (found.kept, found.aside) == ((0, 1, 2, 3), ()) and found.changed
    assert found.study.study_name == "s (2)"
    after = done(search(wider, 9))
    assert before.items() <= after.items() and len(after) == 9


def test_an_option_that_is_gone_sets_its_trials_aside() -> None:
    trials = search(SPACE, 6).get_trials()
    found = continued(SPACE.replace("TANH", "SIGMOID"))
    measured = [trial for trial in trials if trial.user_attrs["blockdsl"]["outcome"] != DUPLICATE]
    relu = {trial.number for trial in trials if trial.params["choice[1]"] == "RELU"}
    assert set(found.kept) == {t.number for t in measured if t.number in relu} and len(found.kept) == 3
    assert set(found.aside) == {t.number for t in measured if t.number not in relu}


def test_a_tighter_limit_sets_aside_what_breaks_it() -> None:
    study = search(SPACE, 6)
    small = {n for n, (_, r) in records(study).items() if r.outcome == DONE and r.measured["params"] < 2000}
    assert len(small) == 4
    found = continued(SPACE.replace("accuracy", "accuracy\n    require params < 2000"))
    assert set(found.kept) == small and len(found.aside) == 2


def test_limits_on_what_was_measured_are_judged_anew() -> None:
    study = search(SPACE.replace("accuracy", "accuracy\n    require accuracy > 2"), 3)
    assert all(record.broken for record in done(study).values())
    found = continued(SPACE.replace("accuracy", "accuracy\n    require accuracy >= 0"))
    assert len(found.kept) == 3
    assert not any(record.broken for record in done(found.study).values())
    assert all(trial.constraints["accuracy >= 0"] <= 0 for trial in found.study.get_trials())


def test_a_limit_on_what_was_not_measured_sets_all_aside() -> None:
    search(SPACE, 2)
    with pytest.raises(ArchError, match="require score"):
        continued(SPACE.replace("accuracy", "accuracy\n    require score(params) > 0"))


def test_seeds_do_not_replay() -> None:
    """Each worker has a seed that depends on how far the study is: what it draws first is new."""
    endless = SPACE.replace("lr=0.01", "lr={0.001..0.1}")
    first = [trial.params for trial in search(endless, 3).get_trials()]
    again = [trial.params for trial in search(endless, 6, seed=1).get_trials()][3:]
    assert len(first) == len(again) == 3
    assert not [params for params in again if params in first]


def test_a_trial_that_was_left_is_measured_as_it_was_proposed() -> None:
    """What a killed worker leaves: a trial with all of its choices, one with some, one with none."""
    given, run = config(SPACE), RunConfig(4, sampler="random")
    study = started(given)
    whole, part, none = study.ask(), study.ask(), study.ask()
    for trial in (whole, part):
        trial.suggest_categorical("width", ("2", "4", "8"))
    whole.suggest_categorical("choice[1]", ("RELU", "TANH"))
    left = [trial._trial_id for trial in (whole, part, none)]
    proposed = [dict(trial.params) for trial in (whole, part, none)]
    assert [len(params) for params in proposed] == [2, 1, 0]
    Worker(given, HERE, run, study=study.study_name, seed=0, deadline=run.deadline(), left=left).run()
    ended = study.get_trials()
    assert not [trial for trial in ended if not trial.state.is_finished()]
    for trial, params in zip(ended, proposed, strict=False):
        assert params.items() <= trial.params.items() and len(trial.params) == 2
    assert len(by_outcome(study)["done"]) == 4


@pytest.mark.parametrize("params", [{}, {"other": 3}], ids=str)
def test_a_trial_of_other_choices_is_not_in_the_space(params: dict[str, int]) -> None:
    space = Space(Source("space.arch", "input 1x8x8\nlet width = {4,8}\nnet CONV(width,3)-GAP-FC(10)"))
    distributions = dict.fromkeys(params, IntDistribution(1, 9))
    trial = create_trial(value=0.5, params=params, distributions=distributions)
    with pytest.raises(ArchError, match="the network of trial -1 is not in its space any more"):
        network_of(space, trial)
