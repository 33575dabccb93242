"""A leaf of the network as the call that a person writes for it: `nn.Conv2d(64, 128, 3, padding=1)`."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from blockdsl.codegen import class_of, spec_of
from blockdsl.ir import Graph, Layer
from blockdsl.ops import Operation


@dataclass(frozen=True)
class Name:
    """A name of the written file as a value: `nn.ReLU`."""

    text: str


@dataclass(frozen=True)
class Leaf:
    """How a layer's module is made.

    Attributes:
        operation: what it computes, in the language.
        kind: the class as it is written, `nn.Conv2d` or `DropPath`.
        module: the class itself.
        args: the arguments in the order of the constructor; `defaults` of those that have one.
        functional: the expression that a person writes in its place, as in `ModuleSpec`.
        state: whether it has parameters or buffers, so that its name is part of `state_dict` keys.
    """

    operation: Operation
    kind: str
    module: type[nn.Module]
    args: dict[str, Any]
    defaults: dict[str, Any] = field(default_factory=dict)
    functional: str = ""
    state: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether every argument is the constructor's default."""
        return all(name in self.defaults and self.defaults[name] == v for name, v in self.args.items())


def leaf_of(graph: Graph, layer: Layer, module: nn.Module, kind: str) -> Leaf:
    """The call that makes a layer's module: `module` of the built network, of a class written as `kind`.

    Raises:
        ArchError: the operation has no spec.
    """
    spec = spec_of(layer.operation, *graph.input_shapes(layer))
    cls = class_of(spec.target)
    parameters = inspect.signature(cls).parameters
    known = [name for name in parameters if name in spec.arguments]
    return Leaf(
        layer.operation,
        kind,
        cls,
        {
            name: spec.arguments[name]
            for name in [*known, *(n for n in spec.arguments if n not in parameters)]
        },
        {n: parameters[n].default for n in known if parameters[n].default is not inspect.Parameter.empty},
        spec.functional,
        bool(module.state_dict()),
    )
