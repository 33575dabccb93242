"""`blockdsl compare`: networks beside each other, as a table and as the complexity chart."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blockdsl.cli.display import show_table
from blockdsl.cli.options import read_file
from blockdsl.cli.streams import say
from blockdsl.output import check_outputs, replacing
from blockdsl.visible import visible


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
        typer.Option(
            "--error",
            metavar="METRIC",
            help="top-1, top-5, or a data set such as CIFAR-10. The chart has what most of them have.",
        ),
    ] = None,
    best: Annotated[
        int | None, typer.Option("--best", metavar="N", min=1, help="Of a study the best N trials, not all.")
    ] = None,
    storage: Annotated[
        str | None, typer.Option("--storage", metavar="URL", help="Where the study is, as it was searched.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare what networks cost in inference, and the errors that were published.

    The errors are those of a single network, with one crop of the image if that is known; each kind of
    error has a column of its own. Of a study's trials the error is the measured one, on the study's
    validation images.

    `blockdsl compare alexnet vgg16 googlenet resnet50 --error top-1 -o chart.svg`

    `blockdsl compare study:residual-digits lenet5_1998 -o chart.svg`
    """
    from blockdsl.analysis.compare import METRICS
    from blockdsl.api import architecture
    from blockdsl.comparison import compare
    from blockdsl.render.chart import check_kind

    kind = output.suffix.removeprefix(".") if output else ""
    if output:
        check_kind(kind, output)
        check_outputs([output], [Path(file) for file in files if file != "-"])
    networks = [architecture(read_file(file)) if file == "-" else file for file in files]
    comparison = compare(*networks, best=best, storage=storage)
    asked = comparison.metric(metric) if metric else None
    if as_json:
        say(comparison.to_json(), whole=True)
    else:
        show_table(*comparison.table(asked))
    drawn = (asked or comparison.metric() or METRICS[0]) if output else asked
    if output and drawn:
        picture = comparison.chart(kind, drawn)
        with replacing(output) as part:
            part.write_bytes(picture)
    for note in comparison.notes(drawn):
        say(f"note: {visible(note)}", to_stderr=True)
    if output:
        say(f"wrote {output}", to_stderr=True)
