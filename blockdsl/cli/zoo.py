"""`blockdsl zoo`: the networks that come along."""

from __future__ import annotations

from blockdsl.cli.display import show_table

NAME = "zoo"


def command() -> None:
    """List the networks that come along; each name works wherever a FILE does.

    `blockdsl compile alexnet`
    """
    from blockdsl.resources import names

    show_table(("name", "year", "title", "paper"), [_row(name) for name in names("zoo")])


def _row(name: str) -> tuple[str, str, str, str]:
    from blockdsl import nodes
    from blockdsl.parser import parse
    from blockdsl.resources import data_dir, read_source

    file = parse(read_source(data_dir("zoo") / f"{name}.arch", f"{name}.arch"))
    facts = {
        statement.key: statement.values[0].value
        for statement in file.statements
        if isinstance(statement, nodes.Meta) and isinstance(statement.values[0], nodes.String | nodes.Number)
    }
    return name, str(facts.get("year", "")), str(facts.get("title", "")), str(facts.get("paper", ""))
