"""Networks beside each other: what they cost, and the error that was published."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from blockdsl.analysis.summary import Summary
from blockdsl.analysis.table import bytes_text, shape_text

HEADER = ("network", "parameters", "MACs", "activations", "depth", "sees", "error", "what was measured")
METRICS = ("top-1", "top-5")
"""The errors of ImageNet, in the order of preference."""
MEASURED = "validation"
"""The error of a study's trial: measured here, on the study's data."""


@dataclass(frozen=True)
class Published:
    """An error in percent, and the words of the file that say what was measured."""

    error: float
    words: str


@dataclass(frozen=True)
class Entry:
    """One network of a comparison; `errors` are those of a single network, the one to quote by metric.

    A trial has the name of its `study` and of the `data` that it was measured on.
    """

    name: str
    title: str
    summary: Summary
    errors: dict[str, Published]
    study: str = ""
    data: str = ""

    def quoted(self, metric: str | None = None) -> tuple[str, Published] | None:
        """The error of a metric; of the first that there is when none is asked for, or it is a trial's."""
        wanted = (metric,) if metric and not self.study else tuple(self.errors)
        return next(((name, self.errors[name]) for name in wanted if name in self.errors), None)

    def to_dict(self) -> dict[str, Any]:
        """As `blockdsl compare --json` prints it: bytes for one sample, errors in percent."""
        summary = self.summary
        return {
            "name": self.name,
            "title": self.title,
            "study": self.study or None,
            "params": summary.params,
            "params_aux": summary.params_aux,
            "macs": summary.macs,
            "activations": summary.memory.activations,
            "memory": summary.memory.inference,
            "depth": summary.depth,
            "receptive_field": summary.receptive_field and list(summary.receptive_field),
            "errors": {
                metric: {"error": published.error, "words": published.words}
                for metric, published in self.errors.items()
            },
        }


def entry(name: str, title: str, summary: Summary, errors: Iterable[tuple[float, str]]) -> Entry:
    """A network's costs, and from its `error` lines the figures to quote."""
    return Entry(name, title or name, summary, published(errors))


def published(errors: Iterable[tuple[float, str]]) -> dict[str, Published]:
    """The error to quote, by metric: `top-1`, `top-5`, and `test` for what is neither.

    Only figures of a single network count. Of these the first with one crop of the image is taken, since
    that is what a forward pass costs; otherwise the first. A line may tell a second figure in passing:
    `24.7 "top-1 %, 1-crop (top-5: 7.8); …"`.
    """
    found: dict[str, list[Published]] = {}
    for error, words in errors:
        if _of_several(words):
            continue
        metric = next((metric for metric in METRICS if words.startswith(metric)), "test")
        if metric == "test" and not _TEST.search(words):
            continue
        found.setdefault(metric, []).append(Published(error, words))
        for other, figure in _IN_PASSING.findall(words):
            found.setdefault(other, []).append(Published(float(figure), words))
    order = [metric for metric in (*METRICS, "test") if metric in found]
    return {metric: next(filter(_one_crop, found[metric]), found[metric][0]) for metric in order}


_SEVERAL = re.compile(
    r"\b(?:\d+|two|three|four|five|six|seven) networks\b|\bensemble\b|\bcommittee\b|\baverage of\b"
)
_ONE_CROP = re.compile(r"\b(?:1-crop|one crop|centre crop)\b")
_IN_PASSING = re.compile(r"\b(top-[15]): (\d+(?:\.\d+)?)")
_TEST = re.compile(r"^%|\btest %|^[A-Z]\S* %")


def _of_several(words: str) -> bool:
    return bool(_SEVERAL.search(words))


def _one_crop(figure: Published) -> bool:
    return bool(_ONE_CROP.search(figure.words))


def rows(entries: Sequence[Entry], metric: str | None = None) -> list[tuple[str, ...]]:
    """The table's rows, in the columns of `HEADER`."""
    return [_row(one, metric) for one in entries]


def _row(one: Entry, metric: str | None) -> tuple[str, ...]:
    summary, quoted = one.summary, one.quoted(metric)
    field = summary.receptive_field
    return (
        one.title,
        f"{summary.params:,}",
        f"{summary.macs:,}",
        bytes_text(summary.memory.activations),
        str(summary.depth),
        "all" if field is None else shape_text(field),
        f"{quoted[1].error:.4g} % {quoted[0]}" if quoted else "",
        quoted[1].words if quoted else "",
    )


def common_metric(entries: Sequence[Entry]) -> str | None:
    """The metric that most published networks have a figure for, top-1 before top-5; None for none."""
    count = Counter(metric for one in entries if not one.study for metric in one.errors)
    order = (*METRICS, "test")
    return max(count, key=lambda metric: (count[metric], -order.index(metric)), default=None)
