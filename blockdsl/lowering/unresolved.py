"""Names that lead nowhere in what is not evaluated: blocks that nothing calls, the other side of an `if`."""

from __future__ import annotations

from blockdsl import ops
from blockdsl.diagnostics import ArchError, Errors
from blockdsl.lowering import arithmetic
from blockdsl.lowering.binding import tag_of
from blockdsl.lowering.calls import takes
from blockdsl.lowering.context import Context, Naming
from blockdsl.lowering.expression_kinds import AUX
from blockdsl.lowering.unknown_names import unknown
from blockdsl.lowering.values import BROKEN, Scope, Trace, cut
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.names import Names, Unresolved


def refuse_unresolved(file: nodes.File) -> None:
    """Refuse names in a file, and in those that it uses, that lead nowhere.

    Raises:
        ArchError: there are such names.
    """
    errors = Errors()
    tell_unresolved(file, errors)
    errors.raise_found()


def tell_unresolved(file: nodes.File, errors: Errors) -> None:
    """Tell of each name in a file, and in those that it uses, that leads nowhere.

    An operation that is unknown in a used file is refused only where it is evaluated: the block that has it
    may belong to somebody who imports it.
    """
    names = Names(file)
    for used in (*names.used(), names):
        for one in used.unresolved:
            if not _is_word(one) and (used is names or not _written(one).isupper()):
                with errors.gathering():
                    raise _unknown(one, _context(one, used, errors))


def _unknown(one: Unresolved, context: Context) -> ArchError:
    name = _written(one)
    in_quotes = isinstance(one.use, nodes.Path) and one.use.is_name and not name.isupper()
    help = f'a word stands in quotes here: "{cut(name)}"' if in_quotes else ""
    return unknown(name, one.use.span, context, help)


def _written(one: Unresolved) -> str:
    return one.use.name if isinstance(one.use, nodes.Call) else one.use.steps[0].name


def _is_word(one: Unresolved) -> bool:
    """Whether it is a function, a word that an argument takes, or a tag."""
    name = _written(one)
    if isinstance(one.use, nodes.Call):
        return name == AUX or name in arithmetic.FUNCTIONS
    if one.argument is None or not one.use.is_name:
        return False
    call, arg = one.argument
    if call.name == AUX or tag_of(arg):
        return True
    operation = ops.find(call.name)
    if operation is None:
        return False
    by_place = [other for other in call.args if other.name is None]
    names = list(operation.arguments)
    at = arg.name or (names[by_place.index(arg)] if by_place.index(arg) < len(names) else "")
    argument = operation.arguments.get(at)
    return argument is None or takes(argument, name)


def _context(one: Unresolved, names: Names, errors: Errors) -> Context:
    """What is in sight of a name."""
    scope = Scope(dict.fromkeys(one.in_sight, BROKEN))
    scope.coming = names.defined.keys() - scope.names.keys()
    naming = Naming()
    return Context(scope, naming, naming, Trace(scope), errors)
