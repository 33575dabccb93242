"""`blockdsl compare`: networks beside each other, as a table and as the complexity chart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from blockdsl.cli.display import show_table
from blockdsl.cli.options import read_file
from blockdsl.cli.output import check_writable, replacing

NAME = "compare"


def command(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILES", help=".arch files, or names of the zoo."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT", help="Draw the chart: OUT.svg, .png, .pdf or .html."),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--error", metavar="METRIC", help="top-1, top-5 or test; else what most of them have."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare what networks cost, and the errors that were published, of one network, one crop if known.

    `blockdsl compare alexnet vgg16 googlenet resnet50 densenet121 -o chart.svg`
    """
    from blockdsl.analysis.compare import HEADER, METRICS, common_metric, entry, rows
    from blockdsl.api import architecture
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
    entries = []
    for file in files:
        network = architecture(read_file(file))
        name = Path(network.program.file.span.source.name).stem
        entries.append(entry(name, network.title, network.summary(), network.program.meta.errors))
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
    _say(output, chosen, [one.title for one in entries if chosen not in one.errors])


def _say(output: Path, metric: str, missing: list[str]) -> None:
    import sys

    if missing:
        print(f"note: no {metric} error is published in {', '.join(missing)}", file=sys.stderr)
    print(f"wrote {output}", file=sys.stderr)
