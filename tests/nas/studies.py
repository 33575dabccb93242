"""Studies made by hand, whose results are known without a search."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import optuna
from optuna.study import Study
from optuna.trial import TrialState, create_trial

from blockdsl.diagnostics import ArchError
from blockdsl.nas.distributions import distribution, external
from blockdsl.nas.study.config import StudyConfig
from blockdsl.nas.study.records import ATTRIBUTE, DONE, STATES, Record
from blockdsl.source import Source
from blockdsl.space import Candidate, Space

CHAIN = """input 1x8x8
title "A chain"
let width = {4, 8, 16}
let shortcut = {no, yes}
let third = {RELU, TANH, SIGMOID, GELU}
net CONV(4,1)-(if shortcut then ID + CONV(4,1) else CONV(4,1))-CONV(width,1)-third-GAP-FC(10)
search
    maximize accuracy
    minimize params
"""


def study_of(
    text: str, name: str = "made", storage: str | None = None, **options: Any
) -> tuple[Study, Space]:
    """An empty study of a space."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    config = StudyConfig("made.arch", text, None, **options)
    space = config.space()
    directions = [o.direction for o in config.objectives(space)]
    study = optuna.create_study(storage=storage, study_name=name, directions=directions)
    study.set_user_attr(ATTRIBUTE, config.written())
    return study, space


def candidates(space: Space) -> Iterator[Candidate]:
    """All of a space's networks."""
    for candidate in space.enumerate():
        assert not isinstance(candidate, ArchError)
        yield candidate


def options_of(candidate: Candidate) -> dict[str, Any]:
    """The decisions as a study has them: options by their text."""
    points = candidate.points
    return {path: external(points[path].domain, v) for path, v in candidate.assignment.items()}


def add(
    study: Study, candidate: Candidate, measured: Mapping[str, float], outcome: str = DONE, **record: Any
) -> None:
    """A trial of a network that ended so."""
    kept = Record(outcome, candidate.identity, measured=dict(measured), seconds=1.0, **record)
    config = StudyConfig.read(study.user_attrs[ATTRIBUTE])
    names = [o.name for o in config.objectives(config.space())]
    state = STATES[outcome]
    study.add_trial(
        create_trial(
            state=state,
            values=[measured[name] for name in names] if state == TrialState.COMPLETE else None,
            params=options_of(candidate),
            distributions={path: distribution(p.domain) for path, p in candidate.points.items()},
            user_attrs={ATTRIBUTE: kept.written()},
        )
    )


def filled(study: Study, networks: Iterable[Candidate], accuracy: Any) -> None:
    """Every network measured: `accuracy` of its options, its own parameters and MACs."""
    for candidate in networks:
        figures = {name: float(candidate.figures[name]) for name in ("params", "macs")}
        add(study, candidate, {"accuracy": accuracy(options_of(candidate)), **figures})


def space_of(text: str) -> Space:
    """A space of a text."""
    return Space(Source("made.arch", text))
