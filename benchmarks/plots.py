"""The pictures and the preface of the search benchmark's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
from matplotlib import pyplot
from matplotlib.axes import Axes

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "blockdsl"

PREFACE = """\
Written by `make bench-search`. Each query returns one of a network's trained runs at random (noise);
a search is judged by the mean of its networks' runs. Queries that repeat a network count. Seeds are
0, 1, …; milliseconds are processor time on one thread, without lowering the networks: they were
looked up. *ArchSampler* draws candidates into a pool, as it does in a space too large to enumerate;
*whole space* scores all of them. *Descending MACs* evaluates the largest networks first, and is hard
to beat where larger is better: with one objective alone, figures mean little without it. With two it has
nothing to offer. GPSampler had 50 queries."""

COLOURS = {
    "ArchSampler": "#c1272d",
    "ArchSampler, whole space": "#e88b8e",
    "evolution": "#0000a7",
    "local": "#7a7ae0",
    "random": "#999999",
    "TPE": "#eecc16",
    "NSGA-II": "#008176",
    "GPSampler": "#000000",
}


def seen(path: Path, title: str, curves: Mapping[str, Sequence[float]]) -> None:
    """The share of searches that have met a top network, over queries from 1 on."""
    figure, axes = pyplot.subplots(figsize=(5.2, 3.6), layout="constrained")
    for name, values in curves.items():
        _line(axes, name, range(1, len(values) + 1), values)
    _finish(axes, title, "searches that met a top-0.1% network", "upper left")
    axes.set_ylim(0, 1.02)
    _save(figure, path)


def volumes(path: Path, title: str, curves: Mapping[str, Sequence[float]]) -> None:
    """The mean share of the front's hypervolume, at every tenth query."""
    figure, axes = pyplot.subplots(figsize=(5.2, 3.6), layout="constrained")
    for name, values in curves.items():
        _line(axes, name, range(10, 10 * len(values) + 1, 10), values)
    _finish(axes, title, "share of the front's hypervolume", "lower right")
    axes.set_ylim(0.8, 1.002)
    _save(figure, path)


def _line(axes: Axes, name: str, at: Sequence[int], values: Sequence[float]) -> None:
    axes.plot(at, values, color=COLOURS[name], label=name, linewidth=2.2 if name == "ArchSampler" else 1.2)


def _finish(axes: Axes, title: str, label: str, where: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("networks queried")
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc=where)
    axes.spines[["top", "right"]].set_visible(False)


def _save(figure: pyplot.Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
