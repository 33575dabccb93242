"""Beginning a study, going on with it, and what becomes of its trials when the space has changed."""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import optuna
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import FrozenTrial

from blockdsl.diagnostics import ArchError, did_you_mean, error
from blockdsl.lowering import ChoicePoint
from blockdsl.nas.distributions import distribution, internal
from blockdsl.nas.objectives import Objective
from blockdsl.nas.objectives.limits import broken, excess
from blockdsl.nas.study.config import ATTRIBUTE, SAME, StudyConfig
from blockdsl.nas.study.records import ATTRIBUTE as RECORD
from blockdsl.nas.study.records import DONE, MEASURED, Record
from blockdsl.nas.study.storage import JOURNAL, StudyLocation
from blockdsl.ops.layouts import input_texts
from blockdsl.space import Candidate, Space
from blockdsl.space.domains import Value


@dataclass(frozen=True)
class Continued:
    """A study that was begun, or goes on.

    Attributes:
        study: Optuna's.
        objectives: what is optimised.
        kept, aside: the trials that were kept and set aside because the space has changed.
        changed: whether it has.
    """

    study: Study
    objectives: tuple[Objective, ...]
    kept: tuple[int, ...] = ()
    aside: tuple[int, ...] = ()
    changed: bool = False


def begin(location: StudyLocation, config: StudyConfig, space: Space) -> Continued:
    """The study of a location: new, or continued.

    A study whose space has changed goes on with the trials whose networks the new space still holds:
    the same choices lead to the same network, trained in the same way. They are copied into a new
    generation of the study, `NAME (2)`; the old one stays as it is.

    Raises:
        ArchError: the study is of another space, or measures its networks in another way.
    """
    objectives = config.objectives(space)
    storage, name = location.connect(), location.name
    last = latest(storage, name)
    if last is None:
        directions = [o.direction for o in objectives]
        study = optuna.create_study(storage=storage, study_name=name, directions=directions)
        _describe(study, config, space)
        return Continued(study, objectives)
    study = optuna.load_study(storage=storage, study_name=last)
    old = config_of(study)
    _same_measurements(name, old, config)
    try:
        before = [str(o) for o in old.objectives(old.space())]
    except ArchError:
        before = []
    now = [str(o) for o in objectives]
    if before != now:
        raise _another(name, f"it has the objectives {', '.join(before)}; here are {', '.join(now)}")
    if old.text == config.text:
        study.set_user_attr(ATTRIBUTE, config.written())
        return Continued(study, objectives)
    return _changed(storage, name, study, old, config, space)


def _describe(study: Study, config: StudyConfig, space: Space) -> None:
    """Keep with a study what it is about; its objectives' names are for Optuna's own tools."""
    study.set_user_attr(ATTRIBUTE, config.written())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.set_metric_names([o.name for o in config.objectives(space)])


def latest(storage: BaseStorage, name: str) -> str | None:
    """The newest generation of a study."""
    pattern = re.compile(re.escape(name) + r"(?: \((\d+)\))?")
    found = [(int(m[1] or 1), n) for n in optuna.get_all_study_names(storage) if (m := pattern.fullmatch(n))]
    return max(found)[1] if found else None


def find(location: StudyLocation) -> Study:
    """A study that is there already; nothing is made where it is not.

    Raises:
        ArchError: there is none of that name, or the storage cannot be opened.
    """
    name, root = location.name, location.root
    if not name or (location.journal is not None and not location.journal.exists()):
        folder = location.base / root
        known = sorted(journal.parent.name for journal in folder.glob(f"*/{JOURNAL}"))
        listed = f"there is {', '.join(known)}" if known else "`blockdsl search` begins one"
        where = root if location.storage is None else location.storage
        what = f"there is no study {name} in {where}" if name else "the study has no name"
        raise error("study", what, help=did_you_mean(name, known, listed))
    with location.accessible():
        return load(location.connect(), name)


def load(storage: BaseStorage, name: str) -> Study:
    """A study that is there already.

    Raises:
        ArchError: there is none of that name, or it is none of ours.
    """
    last = latest(storage, name)
    if last is None:
        names = optuna.get_all_study_names(storage)
        listed = "there is " + ", ".join(names) if names else "there is none; `blockdsl search` begins one"
        raise error("study", f"there is no study {name}", help=did_you_mean(name, names, listed))
    return optuna.load_study(storage=storage, study_name=last)


def config_of(study: Study) -> StudyConfig:
    """What a study is about (raises `ArchError` where it was not begun here)."""
    kept = study.user_attrs.get(ATTRIBUTE)
    if kept is None:
        raise error("study", f"the study {study.study_name} is none of blockdsl's")
    return StudyConfig.read(kept)


def _same_measurements(name: str, old: StudyConfig, new: StudyConfig) -> None:
    for field, option in SAME.items():
        before, now = getattr(old, field) or None, getattr(new, field) or None
        if before != now:
            difference = f"it was begun {_with(option, before)}, and this is {_with(option, now)}"
            raise _another(name, difference, _LOAD_AGAIN if field == "loaded" else "")


_LOAD_AGAIN = "go on in Python, with the same data loaded in the same way; or "


def _with(option: str, value: Any) -> str:
    """`with --epochs 3`, `without --epochs`."""
    if value is None:
        return f"without {option}"
    if option == "--input":
        return "with " + " ".join(f"{option} {text}" for text in input_texts(value))
    if isinstance(value, Mapping):
        return "with " + " ".join(f"{option} {name}={text}" for name, text in value.items())
    return f"with {option} {value}"


def _another(name: str, difference: str, instead: str = "") -> ArchError:
    return error(
        "study", f"the study {name} is another one: {difference}",
        help=f"{instead}give this one a name of its own: --study NAME",
    )  # fmt: skip


def _changed(
    storage: BaseStorage, name: str, study: Study, old: StudyConfig, config: StudyConfig, space: Space
) -> Continued:
    kept, aside = [], []
    for trial in study.get_trials(deepcopy=False):
        record = Record.of(trial)
        if record is None or record.outcome not in MEASURED:
            continue
        copy = _kept(space, trial, record)
        if copy is None:
            aside.append(trial.number)
        else:
            kept.append(copy)
    if aside and not kept:
        raise _another(name, "it has no network that this space holds\n" + _difference(old.text, config.text))
    number = int(m[1]) if (m := re.search(r" \((\d+)\)$", study.study_name)) else 1
    new = optuna.create_study(
        storage=storage, study_name=f"{name} ({number + 1})", directions=study.directions
    )
    _describe(new, config, space)
    new.add_trials(kept)
    objectives = config.objectives(space)
    return Continued(new, objectives, tuple(t.number for t in kept), tuple(aside), changed=True)


def network_of(space: Space, trial: FrozenTrial) -> Candidate:
    """The network of a trial's choices.

    Raises:
        ArchError: the space does not hold it: it has other choices, or the file no longer lowers.
    """
    used: set[str] = set()

    def choose(point: ChoicePoint) -> Value:
        used.add(point.path)
        return internal(point.domain, trial.params[point.path])

    try:
        candidate = space.reach(choose)
    except (KeyError, ValueError):
        pass  # a choice that the trial did not make, or an option that is gone
    else:
        if used == set(trial.params):
            return candidate
    raise error("study", f"the network of trial {trial.number} is not in its space any more")


def _kept(space: Space, trial: FrozenTrial, record: Record) -> FrozenTrial | None:
    """A trial as the new space says it: its choices may have more options now, its limits be others.

    None if the space does not hold its network, or asks for what was not measured.
    """
    try:
        candidate = network_of(space, trial)
    except ArchError:
        return None
    if candidate.identity != record.identity or space.broken(candidate):
        return None
    try:
        known = {**record.measured, "seconds": record.seconds}
        late = broken(space, candidate, known) if record.outcome == DONE else ()
        beyond = excess(space, candidate, known) if record.outcome == DONE else {}
    except (ArchError, KeyError):
        return None
    copy = optuna.trial.create_trial(
        state=trial.state,
        values=trial.values,
        params=trial.params,
        distributions={path: distribution(point.domain) for path, point in candidate.points.items()},
        user_attrs={**trial.user_attrs, RECORD: replace(record, broken=late).written()},
        intermediate_values=trial.intermediate_values,
    )
    copy.number = trial.number
    for limit, value in beyond.items():
        copy.set_constraint(limit, value)
    return copy


def _difference(old: str, new: str) -> str:
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), "the study's", "this file", lineterm="", n=0
    )
    shown = list(lines)[:12]
    return "\n".join(f"    {line}" for line in shown)
