"""`blockdsl zoo`: the networks that come along."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from blockdsl.cli.display import show_table
from blockdsl.cli.streams import say, say_file
from blockdsl.diagnostics import error

_YEARS = re.compile(r"(?P<only>\d{4})|(?P<first>\d{4})?-(?P<last>\d{4})?")
_UNITS = {"k": 10**3, "m": 10**6, "g": 10**9}


def command(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Show this one.")] = None,
    year: Annotated[
        str | None,
        typer.Option("--year", metavar="YEARS", help="Published then: 2015, 2012-2015, 2012- or -2000."),
    ] = None,
    family: Annotated[
        str | None,
        typer.Option("--family", help="Named like that (resnet), or of the same blocks (residual)."),
    ] = None,
    max_params: Annotated[
        str | None, typer.Option("--max-params", metavar="5M", help="With at most so many parameters.")
    ] = None,
) -> None:
    """List the networks that come along, or show one; each name works wherever a FILE does.

    `blockdsl zoo --family resnet --max-params 12M`

    `blockdsl zoo resnet50`
    """
    if name is not None:
        _show(name)
        return
    from blockdsl.catalogue import zoo

    limit = _amount(max_params)
    rows: list[tuple[str, ...]] = []
    for entry in zoo(years=_years(year), family=family or "", max_params=limit):
        count = () if limit is None else (f"{entry.load().summary().params:,}",)
        rows.append((entry.name, str(entry.year), *count, entry.title, entry.paper))
    if not rows:
        raise error("zoo", "no network of the zoo is such", help="`blockdsl zoo` lists all")
    counted = () if limit is None else ("parameters",)
    show_table(("name", "year", *counted, "title", "paper"), rows)


def _show(name: str) -> None:
    """The file, and what it comes to."""
    from blockdsl.analysis import summary as summaries
    from blockdsl.api import architecture
    from blockdsl.resources import find_source

    source = find_source(name)
    network = architecture(source)
    say_file(f"{source.text}\n")
    summary = network.summary()
    say(f"# {summaries.title_line(summary)}", indent="#   ")
    for what, words in [*summaries.totals(summary), ("checks", f"{network.check()} hold")]:
        say(f"# {what:<12}{words}", indent=f"# {'':<12}")


def _years(text: str | None) -> range:
    """`2015`, `2012-2015`, `2012-` or `-2000` as years; every year for None."""
    found = _YEARS.fullmatch("-" if text is None else text)
    first, last = (found["first"] or 0, found["last"] or 9999) if found else (1, 0)
    if found and found["only"]:
        first = last = found["only"]
    years = range(int(first), int(last) + 1)
    if not years or text == "-":
        ways = "write 2015, 2012-2015, 2012- or -2000"
        raise typer.BadParameter(f"{text!r} is no year and no range of years; {ways}", param_hint="--year")
    return years


def _amount(text: str | None) -> int | None:
    """`500k`, `25M` or `25_000_000` as a number."""
    if text is None:
        return None
    unit = _UNITS.get(text[-1:].lower(), 1)
    try:
        return int(float(text[:-1] if unit > 1 else text) * unit)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no number; write 5M", param_hint="--max-params") from None
