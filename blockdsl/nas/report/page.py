"""The page: charts that answer to the mouse, pictures, tables; one file that needs no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from optuna.study import Study

from blockdsl.diagnostics import error
from blockdsl.extras import require
from blockdsl.formatting import shape_text
from blockdsl.nas.objectives import Objective
from blockdsl.nas.report import figures
from blockdsl.nas.report.choice_table import unit, worth
from blockdsl.nas.report.effects import ENOUGH
from blockdsl.nas.report.findings import Findings, findings
from blockdsl.nas.report.importance import importances, top
from blockdsl.nas.report.networks import scale, start_card, start_of, winner_cards
from blockdsl.nas.study.config import SAME
from blockdsl.nas.study.records import DONE, DUPLICATE, INFEASIBLE, PRUNED, REFUSED, SKIPPED
from blockdsl.nas.study.status import value_text
from blockdsl.output import check_writable
from blockdsl.render import graphviz
from blockdsl.version import __version__

OUTCOMES = {
    DONE: "measured to the end",
    PRUNED: "given up early, since others were ahead by then",
    "diverged": "the loss was not finite any more",
    "out of memory": "did not fit into memory",
    "crashed": "measuring it failed",
    DUPLICATE: "the same network as an earlier trial; took its result, and cost nothing",
    INFEASIBLE: "beyond a limit that is known before training; replaced, and cost nothing",
    REFUSED: "options that do not go together; replaced, and cost nothing",
    SKIPPED: "a look without training said that it is not worth one",
}
"""How a trial can end, in words."""
TRIALS = 500
"""Rows of the table of trials."""


class Outcome(NamedTuple):
    """How many trials ended so, and the most frequent reasons."""

    name: str
    words: str
    number: int
    reasons: Sequence[tuple[str, int]]


def check_report(path: Path) -> None:
    """Refuse to begin where no page could be written.

    Raises:
        ArchError: the path does not end in `.html` or cannot be written; what draws is missing.
    """
    if path.suffix != ".html":
        raise error("output", f"cannot write {path}: a report is a page", help="end it in .html")
    graphviz.check_installed()
    require("report", "cannot write a report")
    check_writable(path)


def report(study: Study, folder: Path) -> str:
    """A study as an HTML page. It may still be searched; what is missing yet is said.

    Args:
        study: begun by `blockdsl search`.
        folder: the study's, where weights are.

    Raises:
        ArchError: the study is none of ours, or a file that its space uses is gone.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    found = findings(study)
    web = files("blockdsl.nas.report") / "web"
    environment = Environment(
        loader=PackageLoader("blockdsl.nas.report", "web"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    return environment.get_template("page.html").render(
        **_content(found, folder),
        style=Markup((web / "page.css").read_text(encoding="utf-8")),
        script=Markup((web / "page.js").read_text(encoding="utf-8")),
        plotly=Markup(get_plotlyjs()),
    )


def _content(found: Findings, folder: Path) -> dict[str, Any]:
    """All that the template shows."""
    from markupsafe import Markup

    start = start_of(found)
    shares = [importances(found.done, objective) for objective in found.objectives]
    table = worth(found, start, shares)
    history = figures.history(found, start.number)
    fronts = figures.fronts(found, start.number)
    bars = figures.importance_bars(found, shares)
    first = start_card(found, start)
    best = winner_cards(found, start, folder)
    limits = [r.condition.span.text for r in found.space.broken(start.candidate)] if start.candidate else []
    return {
        "found": found,
        "name": found.study.study_name,
        "where": _where(found),
        "title": found.space.file.span.source.name if first is None else _title(found, start.candidate),
        "tiles": _tiles(found),
        "history": history,
        "fronts": fronts,
        "bars": bars,
        "figures": Markup(figures.as_json([*fronts, *history, *([bars] if bars else [])])),
        "start": start,
        "start_card": first,
        "start_limits": limits,
        "winners": best,
        "scale": scale([*([first] if first else []), *best]),
        "worth": table,
        "models": [
            (objective, unit(objective, model), model)
            for objective, model in zip(found.objectives, table.models, strict=True)
        ],
        "enough": ENOUGH,
        "top": top(len(found.done)),
        "outcomes": _outcomes(found),
        "beyond": Counter(limit for e in found.done for limit in e.record.broken).most_common(),
        "facts": _facts(found),
        "trials": _trials(found)[:TRIALS],
        "text": found.config.text,
        "version": __version__,
        "written": f"{datetime.now():%Y-%m-%d %H:%M}",
    }


def _title(found: Findings, candidate: Any) -> str:
    return candidate.program.meta.title or Path(found.config.name).stem


def _tiles(found: Findings) -> list[tuple[str, str, str]]:
    """Figure, what it is, and a remark."""
    count = len(found.measured)
    word = "network measured" if count == 1 else "networks measured"
    tiles = [(str(count), word, f"of {len(found.ended)} proposed")]
    for objective in found.objectives:
        known = [(v, e.number) for e in found.eligible if (v := e.value(objective)) is not None]
        if known:
            value, number = max(known) if objective.maximize else min(known)
            word = "best" if objective.maximize else "least"
            tiles.append((value_text(objective.name, value), f"{word} {objective.name}", f"trial {number}"))
    if found.several and found.eligible:
        tiles.append((str(len(found.front)), "on the Pareto front", "no other is better in everything"))
    if found.config.table is None:
        seconds = sum(e.record.seconds for e in found.measured)
        tiles.append((_duration(seconds), "of measuring", "summed over processes"))
    return tiles


def _outcomes(found: Findings) -> list[Outcome]:
    counts = Counter(e.record.outcome for e in found.ended)
    listed = []
    for name in sorted(counts, key=lambda n: list(OUTCOMES).index(n) if n in OUTCOMES else len(OUTCOMES)):
        reasons = Counter(e.record.why for e in found.ended if e.record.outcome == name and e.record.why)
        listed.append(Outcome(name, OUTCOMES.get(name, ""), counts[name], reasons.most_common(4)))
    return listed


def _trials(found: Findings) -> list[tuple[str, str, list[str], str, str, str]]:
    """Number, outcome, objectives, seconds, choices, traceback of the measured trials, the best first."""
    place = {number: i for i, number in enumerate(found.ranked)}
    rows = sorted(found.measured, key=lambda e: (place.get(e.number, len(place)), e.number))
    return [
        (
            str(e.number),
            "beyond a limit" if e.record.broken else e.record.outcome,
            [_text(o, e.value(o)) for o in found.objectives],
            f"{e.record.seconds:,.1f}",
            ", ".join(f"{path} = {value}" for path, value in e.trial.params.items()),
            e.record.traceback,
        )
        for e in rows
    ]


def _text(objective: Objective, value: float | None) -> str:
    return "" if value is None else value_text(objective.name, value)


def _facts(found: Findings) -> list[tuple[str, str]]:
    """Where the figures are from."""
    config = found.config
    trials = [e.trial for e in found.ended]
    begun = min((t.datetime_start for t in trials if t.datetime_start), default=None)
    last = max((t.datetime_complete for t in trials if t.datetime_complete), default=None)
    epochs = sum(e.record.epochs for e in found.ended)
    given = [
        (option, getattr(config, field))
        for field, option in SAME.items()
        if field not in ("data", "table") and getattr(config, field) not in (None, 1, 1.0, {}, ())
    ]
    facts = [
        ("study", found.study.study_name),
        ("space", config.name),
        ("objectives", ", ".join(map(str, found.objectives))),
        ("limits", ", ".join(r.condition.span.text for r in found.space.requires) or "none"),
        ("data", "" if config.table else config.data),
        ("measured by", f"reading {_where(found)}" if config.table else _training(found)),
        *((f"{option}", _option(value)) for option, value in given),
        ("trained in all", f"{epochs:,} epochs" if epochs else ""),
        ("first proposal", f"{begun:%Y-%m-%d %H:%M}" if begun else ""),
        ("last result", f"{last:%Y-%m-%d %H:%M}" if last else ""),
        ("page", f"written by blockdsl {__version__}, {datetime.now():%Y-%m-%d %H:%M}"),
    ]
    return [(name, value) for name, value in facts if value]


def _where(found: Findings) -> str:
    """What was measured on."""
    return Path(found.config.table).name if found.config.table else found.config.data


def _training(found: Findings) -> str:
    kinds = {o.kind for o in found.objectives}
    if "trained" not in kinds:
        return "the graph alone, or a look without training"
    epochs = found.config.epochs
    how = f"training for {epochs} epochs" if epochs else "training as the file says"
    repeats = (
        "once" if found.config.seeds == 1 else f"{found.config.seeds} times, each with another seed; means"
    )
    return f"{how}, {repeats}"


def _option(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={text}" for name, text in value.items())
    return shape_text(value) if isinstance(value, tuple) else str(value)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
