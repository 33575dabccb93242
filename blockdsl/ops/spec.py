"""PyTorch modules as data: named and configured without loading PyTorch."""

from __future__ import annotations

from typing import Any


class ModuleSpec:
    """A PyTorch module as data: its class, and the keyword arguments of its constructor.

    `blockdsl.codegen` constructs the module, `compile -o net.py` prints the call. An argument that an
    operation always gives in the same way may be left out if it is the constructor's default.

    Args:
        target: the class as "package.module:Class", which is imported when a module is built, or the
            class itself, a subclass of `torch.nn.Module`.
        functional: how a person writes the module in `forward` where its arguments are constants: the
            name of a function, called with the inputs and the arguments (`F.relu`); or an expression of
            the inputs `{0}`, `{1}`, … and the arguments by name (`{factor} * {0}`). `torch` and
            `torch.nn.functional as F` are at hand. Empty where the module is always made.
        arguments: numbers, strings, booleans, None, and tuples of these, in any order.

    >>> ModuleSpec("torch.nn:Conv2d", in_channels=3, out_channels=8, kernel_size=3)
    ModuleSpec('torch.nn:Conv2d', in_channels=3, out_channels=8, kernel_size=3)
    >>> ModuleSpec("torch.nn:ReLU", "F.relu").functional
    'F.relu'
    """

    __slots__ = ("arguments", "functional", "target")

    def __init__(self, target: str | type, functional: str = "", /, **arguments: Any) -> None:
        self.target, self.functional, self.arguments = target, functional, arguments

    def __repr__(self) -> str:
        target = self.target if isinstance(self.target, str) else self.target.__qualname__
        given = "".join(f", {name}={value!r}" for name, value in self.arguments.items())
        return f"ModuleSpec({target!r}{given})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ModuleSpec) and (
            (self.target, self.functional, self.arguments)
            == (other.target, other.functional, other.arguments)
        )

    __hash__ = None  # type: ignore[assignment]
