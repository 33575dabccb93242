"""Networks beside each other: what they cost in inference, and the error that was published."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from blockdsl.analysis.summary import Summary, fields_dict
from blockdsl.analysis.table import seen_by_outputs
from blockdsl.formatting import bytes_text, rounded

COSTS = ("network", "parameters", "MACs", "activations", "depth", "sees")
METRICS = ("top-1", "top-5")
"""The errors of ImageNet, in the order of preference; any other metric is named after its data set."""
MEASURED = "validation"
"""The error of a study's trial: measured here, on the study's data."""

ONE_CROP = "1-crop"
SEVERAL_CROPS = "several crops"
CROPS_NOT_TOLD = "crops not told"
NO_AUGMENTATION = "without augmentation"


@dataclass(frozen=True)
class Published:
    """An error in percent, the words of the file that say what was measured, and the protocol in short.

    `protocol` is `ONE_CROP`, `SEVERAL_CROPS` or `CROPS_NOT_TOLD` for the metrics of ImageNet, for other
    data `NO_AUGMENTATION` where that is said, and otherwise empty.
    """

    error: float
    words: str
    protocol: str = ""


@dataclass(frozen=True)
class Entry:
    """One network of a comparison. `name` is what was typed for it, and unlike any other's.

    Attributes:
        title: the file's title, or empty.
        summary: what it costs.
        errors: those of a single network, the one to quote by metric.
        study, data: of a trial, the study and the data that it was measured on.
        unread: `error` lines in percent that do not say of what.
    """

    name: str
    title: str
    summary: Summary
    errors: dict[str, Published]
    study: str = ""
    data: str = ""
    unread: tuple[str, ...] = ()

    @property
    def params(self) -> int:
        """Parameters of inference, as the MACs are: without auxiliary heads."""
        return self.summary.params - self.summary.params_aux

    def quoted(self, metric: str | None = None) -> tuple[str, Published] | None:
        """The error of a metric; of the first that there is when none is asked for, or it is a trial's."""
        wanted = (metric,) if metric and not self.study else tuple(self.errors)
        return next(((name, self.errors[name]) for name in wanted if name in self.errors), None)

    def columns(self, metric: str | None = None) -> dict[str, Published]:
        """The errors to show, by the column that each belongs to; a trial's column names its data."""
        if self.study:
            return {f"{name} on {self.data}": figure for name, figure in self.errors.items()}
        return {name: figure for name, figure in self.errors.items() if metric in (None, name)}

    def to_dict(self) -> dict[str, Any]:
        """As `blockdsl compare --json` prints it: bytes for one sample, errors in percent.

        `params` counts auxiliary heads, `params_inference` does not; the weights in `memory` do.
        """
        summary = self.summary
        return {
            "name": self.name,
            "title": self.title,
            "study": self.study or None,
            "params": summary.params,
            "params_aux": summary.params_aux,
            "params_inference": self.params,
            "macs": summary.macs,
            "activations": summary.memory.activations,
            "memory": summary.memory.inference,
            "depth": summary.depth,
            "receptive_field": fields_dict(summary.receptive_field),
            "errors": {
                metric: {
                    "error": published.error,
                    "words": published.words,
                    "protocol": published.protocol or None,
                }
                for metric, published in self.errors.items()
            },
        }


def entry(name: str, title: str, summary: Summary, errors: Sequence[tuple[float, str]]) -> Entry:
    """A network's costs, and from its `error` lines the figures to quote."""
    unread = tuple(f'{error:g} "{words}"' for error, words in errors if words.lstrip().startswith("%"))
    return Entry(name, title, summary, published(errors), unread=unread)


def distinct(entries: Iterable[Entry]) -> list[Entry]:
    """The same entries, each with a name of its own: a second `lenet5` becomes `lenet5 (2)`."""
    found: list[Entry] = []
    taken: set[str] = set()
    for one in entries:
        name, count = one.name, 1
        while name in taken:
            count += 1
            name = f"{one.name} ({count})"
        taken.add(name)
        found.append(one if name == one.name else replace(one, name=name))
    return found


def published(errors: Iterable[tuple[float, str]]) -> dict[str, Published]:
    """The error to quote, by metric: `top-1`, `top-5`, or the name of a data set, such as `CIFAR-10`.

    The words begin with the metric and a percent sign: `24.7 "top-1 %, 1-crop (top-5: 7.8); …"`, where
    the bracket tells a second figure in passing. Only figures of a single network count. Of these the
    first with one crop of the image is taken, since that is what a forward pass costs, or, where crops
    do not matter, the first that was not trained without augmentation; otherwise the first.
    """
    found: dict[str, list[Published]] = {}
    for error, words in errors:
        metric = _METRIC.match(words)
        if metric is None or _SEVERAL.search(words):
            continue
        figures = [
            (metric[1].removesuffix(" test"), error),
            *((m, float(e)) for m, e in _IN_PASSING.findall(words)),
        ]
        for name, figure in figures:
            found.setdefault(name, []).append(Published(figure, words, _protocol(name, words)))
    return {name: min(found[name], key=_rank) for name in sorted(found, key=_order)}


_METRIC = re.compile(r"(top-[15]|[A-Z][^\s%,;()]*(?: [^\s%,;()]+)?) %")
_SEVERAL = re.compile(
    r"\b(?:\d+|two|three|four|five|six|seven) networks\b|\bensemble\b|\bcommittee\b|\baverage of\b"
)
_ONE_CROP = re.compile(r"\b(?:1-crop|(?:one|single) crop|cent(?:re|er) crop)\b")
_SEVERAL_CROPS = re.compile(r"\b(?:(?:\d+|multi)-crop|(?:\d+|ten|many) crops|dense|scales)\b")
_IN_PASSING = re.compile(r"\b(top-[15]): (\d+(?:\.\d+)?)")
_NO_AUGMENTATION = re.compile(r"\b(?:without|no) (?:data )?augmentation\b")


def _protocol(metric: str, words: str) -> str:
    if metric not in METRICS:
        return NO_AUGMENTATION if _NO_AUGMENTATION.search(words) else ""
    if _ONE_CROP.search(words):
        return ONE_CROP
    return SEVERAL_CROPS if _SEVERAL_CROPS.search(words) else CROPS_NOT_TOLD


def _rank(figure: Published) -> bool:
    """False, which is first, for the protocol to prefer."""
    return figure.protocol not in (ONE_CROP, "")


def _order(metric: str) -> tuple[int, str]:
    return (METRICS.index(metric) if metric in METRICS else len(METRICS), metric)


def metrics(entries: Iterable[Entry]) -> list[str]:
    """The metrics that the networks have published errors in: top-1, top-5, then data sets by name."""
    return sorted({name for one in entries if not one.study for name in one.errors}, key=_order)


def common_metric(entries: Sequence[Entry]) -> str | None:
    """The metric that most published networks have a figure for, top-1 before top-5; None for none."""
    count = Counter(metric for one in entries if not one.study for metric in one.errors)
    return min(count, key=lambda metric: (-count[metric], _order(metric)), default=None)


def table(
    entries: Sequence[Entry], metric: str | None = None
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and rows of the table: the costs, a column for each metric, and what was measured.

    With a `metric` published errors are shown in that one alone.
    """
    shown = [one.columns(metric) for one in entries]
    names = sorted({name for columns in shown for name in columns}, key=_order)
    rows = [
        (*_costs(one), *(_percent(columns.get(name)) for name in names), _words(columns))
        for one, columns in zip(entries, shown, strict=True)
    ]
    return (*COSTS, *names, "what was measured"), rows


def _costs(one: Entry) -> tuple[str, ...]:
    summary = one.summary
    return (
        one.name,
        f"{one.params:,}",
        f"{summary.macs:,}",
        bytes_text(summary.memory.activations),
        str(summary.depth),
        "; ".join(seen_by_outputs(summary.receptive_field, summary.inputs)),
    )


def _percent(figure: Published | None) -> str:
    return f"{rounded(figure.error)} %" if figure else ""


def _words(columns: dict[str, Published]) -> str:
    """Each line once: it may have told two figures."""
    return " · ".join(dict.fromkeys(figure.words for figure in columns.values()))
