"""How the command line is read: what typer lets pass, and what it quotes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from blockdsl.visible import visible

UsageError: type[Exception] = typer.BadParameter.__bases__[0]
"""The class of all usage errors, which typer does not export."""

FRAMED = 80
"""The columns from which on help is framed, which cuts names on a narrower terminal; the plain one wraps."""


class Command(TyperCommand):
    """A command whose options take one value each, unless they are declared as lists; all have `--import`.

    typer takes the last value of an option that is given again, and says nothing.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.params.append(
            TyperOption(
                param_decls=["--import"],
                type=str,
                multiple=True,
                is_eager=True,
                expose_value=False,
                callback=_import,
                metavar="MODULE",
                help="Import a module of this folder or of a package, which registers operations.",
            )
        )

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse options that were given two values (a usage error), before anything else is looked at."""
        if not ctx.resilient_parsing:
            _refuse_repeated(self, ctx, args)
        return super().parse_args(ctx, args)


class Commands(TyperGroup):
    """The commands; their list and errors of usage fit the terminal, and what those quote is visible."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The plain list of commands, whose words wrap; typer's cuts them."""
        named = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [(name, found.get_short_help_str(limit=1000)) for name, found in named if found]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def make_context(self, *args: Any, **extra: Any) -> Any:
        """As typer's."""
        with _visible_usage():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        """As typer's."""
        with _visible_usage():
            return super().invoke(ctx)


def _import(context: Any, option: Any, modules: tuple[str, ...]) -> None:
    """Import what `--import` names, as `python -m` does: this folder comes first, until the command ends.

    So modules can import others of it later, and the workers of a search inherit it.
    """
    if modules and not context.resilient_parsing:
        from blockdsl.importing import importable
        from blockdsl.ops.registry import import_operations

        context.with_resource(importable("."))
        import_operations(modules, folder=".")


def _refuse_repeated(command: TyperCommand, ctx: Any, args: list[str]) -> None:
    """Parse once more, every value kept."""
    parser = command.make_parser(ctx)
    single = [o for o in command.params if isinstance(o, TyperOption) and not o.multiple]
    for option in single:
        if not option.is_flag:
            parser.add_option(obj=option, opts=option.opts, dest=option.name, action="append")
        elif option.secondary_opts:  # --title and --no-title
            for opts in (option.opts, option.secondary_opts):
                parser.add_option(
                    obj=option, opts=opts, dest=option.name, action="append_const", const=opts[0]
                )
    given, _, _ = parser.parse_args(args=list(args))
    for option in single if not given.get("help") else ():
        values = given.get(option.name or "")
        if not isinstance(values, list):
            continue
        if option.is_flag and len(set(values)) > 1:
            ctx.fail(f"{' and '.join(option.opts + option.secondary_opts)} contradict each other.")
        if not option.is_flag and len(values) > 1:
            *others, last = map(repr, values)
            ctx.fail(
                f"Option {option.get_error_hint(ctx)} takes one value, "
                f"not {len(values)}: {', '.join(others)} and {last}."
            )


@contextmanager
def _visible_usage() -> Iterator[None]:
    try:
        yield
    except UsageError as usage:
        usage.message = visible(usage.message, keep="\n")  # type: ignore[attr-defined]
        columns = shutil.get_terminal_size().columns
        if columns < FRAMED:
            from blockdsl.tables import fitted

            begin = "Error: "
            text = fitted(begin + usage.format_message(), columns)  # type: ignore[attr-defined]
            usage.format_message = lambda: text.removeprefix(begin)  # type: ignore[attr-defined]
        raise
