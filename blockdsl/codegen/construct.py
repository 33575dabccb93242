"""Modules out of what operations say of them: `ModuleSpec` -> `nn.Module`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from torch import nn

from blockdsl.diagnostics import ArchError, error, exception_text
from blockdsl.ops import ModuleSpec, Operation, Shape
from blockdsl.ops.registry import is_built_in, whose_mistake


def spec_of(operation: Operation, *shapes: Shape) -> ModuleSpec:
    """The spec of an operation's module for inputs of these shapes, without the batch axis.

    Raises:
        ArchError: the operation has none, or its `spec` fails or returns something else.
    """
    if is_built_in(operation):
        return operation.spec(*shapes)
    name = type(operation).__name__
    if type(operation).spec is Operation.spec:
        raise error(
            "operation",
            f"{operation.name} has no module",
            help=f"give its class {name} a method `spec(self, *inputs)` that returns a blockdsl.ModuleSpec",
        )
    try:
        spec: object = operation.spec(*shapes)
    except Exception as failure:  # a user's code may raise anything
        raise _refused(operation, f"{name}.spec raised {exception_text(failure)}") from failure
    if not isinstance(spec, ModuleSpec):
        raise error(
            "operation",
            f"{operation.name} has no module: {name}.spec returned {type(spec).__name__}",
            help='return a blockdsl.ModuleSpec, for example ModuleSpec("torch.nn:ReLU")',
        )
    return spec


def module_of(operation: Operation, *shapes: Shape) -> nn.Module:
    """The module of an operation for inputs of these shapes, without the batch axis.

    Raises:
        ArchError: the operation has no spec, or its module cannot be made.
    """
    spec = spec_of(operation, *shapes)
    kind = class_of(spec.target)
    if is_built_in(operation):
        return kind(**spec.arguments)
    try:
        return kind(**spec.arguments)
    except Exception as failure:  # a user's code may raise anything
        raise _refused(operation, f"{kind.__name__} raised {exception_text(failure)}") from failure


def class_of(target: str | type[nn.Module]) -> type[nn.Module]:
    """The class that a spec names.

    Raises:
        ArchError: it cannot be imported, or it is not a module's.
    """
    found: object = _imported(target) if isinstance(target, str) else target
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise error("operation", f"{target!r} is not a subclass of torch.nn.Module")
    return found


@cache
def _imported(target: str) -> Any:
    module, _, name = target.partition(":")
    try:
        found: Any = import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as failure:
        raise error(
            "operation",
            f"the module class {target!r} cannot be imported: {failure}",
            help='a ModuleSpec names a class as "package.module:Class"',
        ) from failure
    return found


def _refused(operation: Operation, reason: str) -> ArchError:
    return error(
        "operation",
        f"the module of {operation.name} cannot be made: {reason}",
        help=whose_mistake(operation),
    )
