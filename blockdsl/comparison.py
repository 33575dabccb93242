"""Networks beside each other, in Python: what `blockdsl compare` prints and draws."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

from blockdsl.analysis.compare import METRICS, Entry, common_metric, distinct, entry, metrics, table
from blockdsl.api import load
from blockdsl.architecture import Architecture
from blockdsl.diagnostics import did_you_mean, error

STUDY = "study:"


@dataclass(frozen=True)
class Comparison:
    """Networks beside each other; `str()` is the table, and a notebook shows it.

    comparison["alexnet"] is one of them, by the name that was given for it.
    """

    entries: tuple[Entry, ...]

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    @overload
    def __getitem__(self, name: int | str) -> Entry: ...
    @overload
    def __getitem__(self, name: slice) -> tuple[Entry, ...]: ...
    def __getitem__(self, name: int | str | slice) -> Entry | tuple[Entry, ...]:
        if not isinstance(name, str):
            return self.entries[name]
        for one in self.entries:
            if one.name == name:
                return one
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        """What was given for each network; no two are the same."""
        return tuple(one.name for one in self.entries)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The published errors that there are: top-1, top-5, then data sets by name (`CIFAR-10`)."""
        return tuple(metrics(self.entries))

    def metric(self, asked: str | None = None) -> str | None:
        """The metric asked for, as the files spell it; else the one that most networks have, if any has one.

        Raises:
            ArchError: no network has an error in it.
        """
        if asked is None:
            return common_metric(self.entries)
        known = {name.lower(): name for name in (*METRICS, *self.metrics)}
        if asked.lower() not in known:
            there = f"these networks have {', '.join(self.metrics)}" if self.metrics else ""
            raise error(
                "option", f"none of these networks has a published {asked} error",
                help=did_you_mean(asked, list(known.values()), there),
            )  # fmt: skip
        return known[asked.lower()]

    def table(self, metric: str | None = None) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """Header and rows as text. With a `metric` published errors are shown in that one alone.

        Raises:
            ArchError: no network has an error in that metric.
        """
        return table(self.entries, metric and self.metric(metric))

    def rows(self, metric: str | None = None) -> list[tuple[str, ...]]:
        """The table's rows as text, a network each, in the columns of `table()`."""
        return self.table(metric)[1]

    def to_dict(self) -> list[dict[str, Any]]:
        """Every network's figures, see `Entry.to_dict`."""
        return [one.to_dict() for one in self.entries]

    def to_json(self) -> str:
        """What `blockdsl compare --json` prints."""
        return json.dumps(self.to_dict(), indent=2)

    def chart(self, kind: str = "svg", metric: str | None = None) -> bytes:
        """Accuracy over operations, the areas being parameters, as the content of a file.

        Canziani et al. (2016) draw it so. `kind` is svg, png, pdf, or html, a page with chart and table;
        `metric` is that of the published errors, by default the one that most networks have.

            Path("chart.svg").write_bytes(blockdsl.compare("alexnet", "vgg16").chart(metric="top-1"))

        Raises:
            ArchError: the kind is unknown, or no network has an error in the metric.
        """
        from blockdsl.render.chart import chart

        return chart(self.entries, self.metric(metric) or METRICS[0], kind)

    def notes(self, metric: str | None = None) -> list[str]:
        """What a reader of the table should know: what is left out, what has no figure."""
        notes = []
        aux = [f"{one.name} ({one.summary.params_aux:,})" for one in self.entries if one.summary.params_aux]
        if aux:
            notes.append(f"parameters are those of inference, without the auxiliary heads of {_listed(aux)}")
        unread = [f"{one.name} ({', '.join(one.unread)})" for one in self.entries if one.unread]
        if unread:
            notes.append(
                f"an error does not say of what, so it is left out: {_listed(unread)}; begin its words with "
                'the metric or the data set: "top-1 %, …", "CIFAR-10 %, …"'
            )
        if metric is not None:
            missing = [one for one in self.entries if one.quoted(metric) is None]
            published = [one.name for one in missing if not one.study]
            trials = [one.name for one in missing if one.study]
            notes += [f"no {metric} error is published in {_listed(published)}"] if published else []
            notes += [f"no accuracy was measured in {_listed(trials)}"] if trials else []
        return notes

    def __str__(self) -> str:
        from blockdsl.analysis.table import text_table

        return text_table(*self.table())

    def _repr_html_(self) -> str:
        from blockdsl.render.chart import html_table

        return html_table(self.entries)


_MOST_NAMES = 8


def _listed(names: list[str]) -> str:
    return ", ".join(names if len(names) <= _MOST_NAMES else [*names[:_MOST_NAMES], "…"])


def compare(
    *networks: str | Path | Architecture, best: int | None = None, storage: str | None = None
) -> Comparison:
    """Put networks beside each other: their costs, and the errors that were published.

    Each is a file, a name of the zoo, a network that was loaded, or `study:NAME`, the trials of a study;
    `best` takes only so many of these, `storage` is where the study is, as it was searched. Of each
    network the error of a single model is taken, with one crop of the image if known.

        blockdsl.compare("alexnet", "vgg16", "my/net.arch", "study:digits", best=3)

    Raises:
        ArchError: anything wrong with a file, or there is no such study.
    """
    if (best or storage) and not any(_is_study(network) for network in networks):
        raise error("option", "--best and --storage are about a study", help=f"name it: {STUDY}NAME")
    return Comparison(
        tuple(distinct(one for network in networks for one in _entries(network, best, storage)))
    )


def _is_study(network: str | Path | Architecture) -> bool:
    return isinstance(network, str) and network.startswith(STUDY)


def _entries(network: str | Path | Architecture, best: int | None, storage: str | None) -> list[Entry]:
    """A network, or the trials of a study."""
    if isinstance(network, str) and network.startswith(STUDY):
        from blockdsl.nas.study.compared import trials

        return trials(network.removeprefix(STUDY), storage, best)
    if isinstance(network, Architecture):
        name, loaded = _name(network), network
    else:
        name, loaded = str(network), load(network)
    return [entry(name, loaded.title, loaded.summary(), loaded.program.meta.errors)]


def _name(network: Architecture) -> str:
    """Its file, or for a text its title."""
    name = network.program.file.span.source.name
    if name == "<stdin>":
        return "-"
    if name.startswith("<"):
        return network.title or name
    return name if "/" in name or "\\" in name else name.removesuffix(".arch")
