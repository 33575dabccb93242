"""Names that lead nowhere in what is not evaluated: blocks that nothing calls, the other side of an `if`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from blockdsl import ops
from blockdsl.diagnostics import ArchError, Errors
from blockdsl.lowering import arithmetic
from blockdsl.lowering.binding import assign, tag_of
from blockdsl.lowering.calls import takes
from blockdsl.lowering.context import Context, Naming
from blockdsl.lowering.expression_kinds import AUX
from blockdsl.lowering.ties import tie_argument
from blockdsl.lowering.unknown_names import unknown
from blockdsl.lowering.values import BROKEN, Scope, Trace, cut
from blockdsl.ops import InputSizes
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import used_name
from blockdsl.syntax.names import Names, Unresolved
from blockdsl.syntax.uses import parsed, used_files


def refuse_unresolved(file: nodes.File, input: InputSizes | None = None) -> None:
    """Refuse names in a file, and in those that it uses, that lead nowhere.

    Args:
        file: the file.
        input: the shapes of its inputs, where they are given from outside.

    Raises:
        ArchError: there are such names.
    """
    errors = Errors()
    tell_unresolved(file, errors, input)
    errors.raise_found()


def tell_unresolved(file: nodes.File, errors: Errors, input: InputSizes | None = None) -> None:
    """Tell of each name in a file, and in those that it uses, that leads nowhere.

    An operation that is unknown in a used file is refused only where it is evaluated: the block that has it
    may belong to somebody who imports it.
    """
    for path in used_files(file):
        for one in _unresolved_in_used(path, path.stat().st_mtime_ns):
            if not used_name(one.use).isupper():
                _tell(one, errors)
    written = any(isinstance(statement, nodes.Input) for statement in file.statements)
    given = input.keys() if isinstance(input, Mapping) and not written else ()
    for one in _unresolved_in(file):
        if used_name(one.use) not in given:
            _tell(one, errors)


@lru_cache(maxsize=256)
def _unresolved_in_used(path: Path, changed: int) -> list[Unresolved]:
    """The names in a used file that lead nowhere, looked up once until it is changed."""
    return _unresolved_in(parsed(path))


def _unresolved_in(file: nodes.File) -> list[Unresolved]:
    """The names in a file that lead nowhere; none where one of the files that it uses is missing."""
    names = Names(file, own_networks=True)
    lines = sum(isinstance(statement, nodes.Use) for statement in file.statements)
    return names.unresolved if len(names.uses) == lines else []


def _tell(one: Unresolved, errors: Errors) -> None:
    if not _is_word(one):
        with errors.gathering():
            raise _unknown(one, _context(one, errors))


def _unknown(one: Unresolved, context: Context) -> ArchError:
    name = used_name(one.use)
    in_quotes = one.argument is not None and not name.isupper()
    help = f'a word stands in quotes here: "{cut(name)}"' if in_quotes else ""
    return unknown(name, one.use.span, context, help)


def _is_word(one: Unresolved) -> bool:
    """Whether it is a function, a word that an argument takes, the layer that one names, or a tag."""
    name = used_name(one.use)
    if isinstance(one.use, nodes.Call):
        return name == AUX or name in arithmetic.FUNCTIONS
    if one.argument is None:
        return False
    call, arg = one.argument
    operation = ops.find(call.name)
    if operation is not None and arg is tie_argument(call):
        return True
    if not one.use.is_name:
        return False
    if call.name == AUX or tag_of(arg):
        return True
    if operation is None:
        return call.name not in one.in_sight  # what is unknown itself may take any word
    try:
        given = assign(call, list(operation.arguments), _context(one, Errors()))
    except ArchError:
        return True  # the call is refused where it is evaluated
    return any(other is arg and takes(operation.arguments[at], name) for at, other in given.items())


def _context(one: Unresolved, errors: Errors) -> Context:
    """What is in sight of a name."""
    scope = Scope(dict.fromkeys(one.in_sight, BROKEN))
    scope.coming = one.of_file - scope.names.keys()
    naming = Naming()
    return Context(scope, naming, naming, Trace(scope), errors)
