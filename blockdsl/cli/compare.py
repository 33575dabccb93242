"""`blockdsl compare`: networks beside each other, as a table and as the complexity chart."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blockdsl.cli.display import show_table
from blockdsl.cli.options import read_file
from blockdsl.cli.output import check_writable, replacing

if TYPE_CHECKING:
    from blockdsl.analysis.compare import Entry

NAME = "compare"
STUDY = "study:"
_MOST_TITLES = 8


def command(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILES", help=".arch files, names of the zoo, or the trials of a study: study:NAME."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT", help="Draw the chart: OUT.svg, .png, .pdf or .html."),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--error", metavar="METRIC", help="top-1, top-5 or test; else what most of them have."),
    ] = None,
    best: Annotated[
        int | None, typer.Option("--best", metavar="N", min=1, help="Of a study the best N trials, not all.")
    ] = None,
    storage: Annotated[
        str | None, typer.Option("--storage", metavar="URL", help="Where the study is, as it was searched.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare what networks cost, and the errors that were published, of one network, one crop if known.

    Of a study's trials the error is the measured one, on the study's validation images.

    `blockdsl compare alexnet vgg16 googlenet resnet50 densenet121 -o chart.svg`

    `blockdsl compare study:residual-digits lenet5_1998 -o chart.svg`
    """
    from blockdsl.analysis.compare import HEADER, METRICS, common_metric, rows
    from blockdsl.diagnostics import did_you_mean, error
    from blockdsl.render.chart import CHARTS, chart

    kind = output.suffix.removeprefix(".") if output else ""
    if output and kind not in CHARTS:
        reason = f".{kind} is no kind of chart" if kind else "it has no ending"
        known = f"end it in .{', .'.join(CHARTS[:-1])} or .{CHARTS[-1]}"
        raise error("output", f"cannot write {output}: {reason}", help=did_you_mean(kind, CHARTS, known))
    if metric is not None and metric not in (*METRICS, "test"):
        raise error("option", f"--error is top-1, top-5 or test, not {metric}")
    if output:
        check_writable(output)
    if (best or storage) and not any(file.startswith(STUDY) for file in files):
        raise error("option", "--best and --storage are about a study", help=f"name it: {STUDY}NAME")
    entries = [one for file in files for one in _entries(file, storage, best)]
    if as_json:
        print(json.dumps([one.to_dict() for one in entries], indent=2, ensure_ascii=False))
    else:
        show_table(HEADER, rows(entries, metric))
    if not output:
        return
    chosen = metric or common_metric(entries) or METRICS[0]
    picture = chart(entries, chosen, kind)
    with replacing(output) as part:
        part.write_bytes(picture)
    missing = [one for one in entries if one.quoted(chosen) is None]
    _say(f"no {chosen} error is published in", [one.title for one in missing if not one.study])
    _say("no accuracy was measured in", [one.title for one in missing if one.study])
    print(f"wrote {output}", file=sys.stderr)


def _entries(file: str, storage: str | None, best: int | None) -> list[Entry]:
    """A file's network, or the trials of a study."""
    if file.startswith(STUDY):
        from blockdsl.search.compared import trials

        return trials(file.removeprefix(STUDY), storage, best)
    from blockdsl.analysis.compare import entry
    from blockdsl.api import architecture

    network = architecture(read_file(file))
    name = Path(network.program.file.span.source.name).stem
    return [entry(name, network.title, network.summary(), network.program.meta.errors)]


def _say(what: str, titles: list[str]) -> None:
    if titles:
        shown = titles if len(titles) <= _MOST_TITLES else [*titles[:_MOST_TITLES], "…"]
        print(f"note: {what} {', '.join(shown)}", file=sys.stderr)
