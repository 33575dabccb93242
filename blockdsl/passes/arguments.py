"""The arguments of a call as they are written, told from the tree."""

from __future__ import annotations

from collections.abc import Sequence

from blockdsl.diagnostics import Errors
from blockdsl.lowering.binding import assign
from blockdsl.lowering.context import Context, Naming
from blockdsl.lowering.values import Scope, Trace
from blockdsl.syntax import tree as nodes
from blockdsl.syntax.forms import name_of
from blockdsl.syntax.names import Names


def arguments(call: nodes.Call, parameters: Sequence[str], names: Names) -> dict[str, nodes.Arg]:
    """The written arguments of a call by the parameter that each stands for.

    A word such as `c1` is a tag, unless the file binds it.

    Args:
        call: of a file that lowers.
        parameters: of the block, function or operation that is called, in their order.
        names: of the file.
    """
    bound = {name_of(arg.value) for arg in call.args if names.definition(arg.value) is not None}
    scope, naming = Scope(dict.fromkeys(bound, 0)), Naming()
    context = Context(scope, naming, naming, Trace(scope), Errors(first_only=True))
    return assign(call, list(parameters), context)
