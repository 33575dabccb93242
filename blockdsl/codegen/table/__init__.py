"""How each operation becomes a PyTorch module: one table, from its name to a function.

A function takes the operation and the shapes of its inputs (without the batch axis).
"""

from __future__ import annotations

from torch import nn

from blockdsl.codegen.table import activation, conv, dropout, join, linear, norm, pool, sequence, shape
from blockdsl.codegen.table.common import Maker
from blockdsl.diagnostics import error
from blockdsl.ops import Operation, Shape

TABLE: dict[str, Maker] = {
    **conv.TABLE,
    **pool.TABLE,
    **linear.TABLE,
    **activation.TABLE,
    **norm.TABLE,
    **dropout.TABLE,
    **join.TABLE,
    **sequence.TABLE,
    **shape.TABLE,
}


def module_of(operation: Operation, *shapes: Shape) -> nn.Module:
    """The module of an operation for inputs of these shapes.

    An operation registered by a user, which is not in the table, brings its own `module`.

    Raises:
        ArchError: the operation has neither, or its `module` returns something else.
    """
    make = TABLE.get(operation.name)
    if make is not None:
        return make(operation, *shapes)
    if type(operation).module is Operation.module:
        raise error(
            "operation",
            f"{operation.name} has no module",
            help=f"give its class {type(operation).__name__} a method `module(self, *inputs)` "
            "that returns a torch.nn.Module",
        )
    module: object = operation.module(*shapes)
    if not isinstance(module, nn.Module):
        returned = f"`{type(operation).__name__}.module` returns {type(module).__name__}"
        raise error(
            "operation", f"{operation.name} has no module: {returned}", help="return a torch.nn.Module"
        )
    return module
