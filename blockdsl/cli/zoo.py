"""`blockdsl zoo`: the networks that come along."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from blockdsl.cli.display import show_table
from blockdsl.cli.streams import say, say_file
from blockdsl.diagnostics import error

if TYPE_CHECKING:
    from blockdsl.syntax import tree as nodes

_YEARS = re.compile(r"(?P<only>\d{4})|(?P<first>\d{4})?-(?P<last>\d{4})?")
_UNITS = {"k": 10**3, "m": 10**6, "g": 10**9}


@dataclass(frozen=True)
class Entry:
    """What a file of the zoo says at its head; `blocks` are the files whose blocks it uses."""

    name: str
    year: str
    title: str
    paper: str
    blocks: tuple[str, ...]

    def is_of(self, family: str) -> bool:
        """Whether its name begins like that, or it is built from the blocks of that file."""
        return self.name.startswith(family) or family in self.blocks


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
    from blockdsl.resources import names

    years, limit = _years(year), _amount(max_params)
    rows: list[tuple[str, ...]] = []
    for entry in map(_entry, names("zoo")):
        if (family and not entry.is_of(family)) or int(entry.year) not in years:
            continue
        row = (entry.name, entry.year, entry.title, entry.paper)
        if limit is None:
            rows.append(row)
        elif (params := _params(entry.name)) <= limit:
            rows.append((*row[:2], f"{params:,}", *row[2:]))
    if not rows:
        raise error("zoo", "no network of the zoo is such", help="`blockdsl zoo` lists all")
    count: tuple[str, ...] = () if limit is None else ("parameters",)
    show_table(("name", "year", *count, "title", "paper"), rows)


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


def _entry(name: str) -> Entry:
    from blockdsl.resources import data_dir, read_source
    from blockdsl.syntax import tree as nodes
    from blockdsl.syntax.parser import parse

    file = parse(read_source(data_dir("zoo") / f"{name}.arch", f"{name}.arch"))
    facts = {s.key: _text(s) for s in reversed(file.statements) if isinstance(s, nodes.Meta)}
    blocks = tuple(PurePath(s.path.value).stem for s in file.statements if isinstance(s, nodes.Use))
    return Entry(name, facts.get("year", ""), facts.get("title", ""), facts.get("paper", ""), blocks)


def _text(statement: nodes.Meta) -> str:
    return str(getattr(statement.values[0], "value", ""))


def _params(name: str) -> int:
    from blockdsl.api import load

    return load(name).summary().params


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
