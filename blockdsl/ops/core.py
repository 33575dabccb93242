"""What an operation is, and the registry of all of them.

An operation is one decorated class: its fields are its arguments (in the order of writing), its
methods say what it makes of shapes. Shapes are without the batch axis: `(C, H, W)` for images,
`(F,)` for feature vectors, `(L, D)` for sequences of tokens (L tokens of D features).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from fractions import Fraction
from inspect import get_annotations
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar, dataclass_transform, get_type_hints

from blockdsl.ops.values import PAIRS, converter_of
from blockdsl.rounding import exact

if TYPE_CHECKING:
    from torch import nn

Shape = tuple[int, ...]

TAGS = {"s": "stride", "p": "pad", "g": "groups", "d": "dilation"}
"""`s2` is `stride=2` for every operation that has a `stride`, and so on."""


class OpError(Exception):
    """An operation refuses its arguments or inputs; lowering adds the place.

    `argument` names the argument at fault, `sides` the two inputs that do not fit each other.
    """

    def __init__(
        self,
        message: str,
        *,
        argument: str | None = None,
        sides: tuple[int, int] | None = None,
        help: str = "",
    ) -> None:
        super().__init__(message)
        self.message, self.argument, self.sides, self.help = message, argument, sides, help


Reads = Callable[[int], tuple[int, int] | None]
"""Along one axis, the first and last input position that an output position reads; None for none."""


class Window(NamedTuple):
    """What one output position sees of its input, each field as (rows, columns).

    Attributes:
        size: extent in input positions, the largest where windows differ.
        stride: distance between neighbouring windows; a fraction where the image is enlarged.
        start: the input position where the first window begins, negative with padding. None centres
            the windows, as a pad of half their size does.
        reads: for windows that differ from position to position, what each of them reads. It repeats:
            `stride.denominator` positions further it is `stride.numerator` input positions further.
    """

    size: tuple[int, int] = (1, 1)
    stride: tuple[int | Fraction, int | Fraction] = (1, 1)
    start: tuple[int, int] | None = None
    reads: tuple[Reads, Reads] | None = None


class Drawn(NamedTuple):
    """A weight that a recipe's `init` draws, with the fans that its distribution may depend on.

    Attributes:
        weight, bias: names in the module's `state_dict`; `bias` is empty where there is none.
        fan_in, fan_out: inputs of one output, and outputs of one input.
        rows: first and last + 1 along the first axis, where parts of the weight have other fans.
    """

    weight: str
    fan_in: float
    fan_out: float
    bias: str = ""
    rows: tuple[int, int] | None = None

    @classmethod
    def of(cls, shape: Shape, *, weight: str = "weight", bias: str = "", transposed: bool = False) -> Drawn:
        """A weight (outputs, inputs, *kernel), or (inputs, outputs, *kernel) where it is transposed."""
        positions = prod(shape[2:])
        fan_in, fan_out = shape[1] * positions, shape[0] * positions
        return cls(weight, *((fan_out, fan_in) if transposed else (fan_in, fan_out)), bias)


class Argument(NamedTuple):
    """One declared argument: `convert` checks a value and raises `ValueError` with what it takes."""

    name: str
    convert: Callable[[Any], Any]
    required: bool
    default: Any


def arguments_of(cls: type) -> dict[str, Argument]:
    """The arguments that the annotated fields of a dataclass declare, in the order of writing.

    Raises:
        ValueError: an annotation is not understood.
    """
    hints = get_type_hints(cls, include_extras=True)
    return {
        f.name: Argument(f.name, converter_of(hints[f.name]), f.default is MISSING, f.default)
        for f in fields(cls)
    }


class Operation:
    """Base of all operations. A subclass declares its arguments as annotated fields.

    The defaults describe a pointwise operation without parameters.
    """

    name: ClassVar[str] = ""
    family: ClassVar[str] = ""
    arguments: ClassVar[dict[str, Argument]] = {}
    inputs: ClassVar[int | None] = 1
    """How many tensors flow in; None for a join, which takes two or more."""
    view: ClassVar[bool] = False
    """Whether the output shares its input's memory."""
    flattens: ClassVar[bool] = False
    """Whether an image is flattened on its way in (lowering puts a FLATTEN before it)."""

    def check(self) -> None:
        """Refuse arguments that do not go together (raises `OpError`)."""

    def shape(self, *inputs: Shape) -> Shape:
        """Shape of the output for the shapes of the inputs (raises `OpError`)."""
        return inputs[0]

    def shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        """Shapes of all outputs; only an operation with several overrides this."""
        return (self.shape(*inputs),)

    def weights(self, *inputs: Shape) -> dict[str, Shape]:
        """Trainable tensors by their name in the module's `state_dict`."""
        return {}

    def buffers(self, *inputs: Shape) -> dict[str, Shape]:
        """Tensors of the `state_dict` that are not trained."""
        return {}

    def drawn(self, *inputs: Shape) -> tuple[Drawn, ...]:
        """The weights that a recipe's `init` draws; all others begin as the module makes them."""
        return ()

    def macs(self, *inputs: Shape) -> int:
        """Multiply-accumulates of convolutions and matrix products, for one sample."""
        return 0

    def window(self, *inputs: Shape) -> Window | None:
        """The receptive window; None when every output position sees the whole input.

        Whoever overrides `shape` overrides this too; otherwise the receptive field is unknown from there on.
        """
        return Window()

    def module(self, *inputs: Shape) -> nn.Module:
        """The PyTorch module. Only operations registered by users define this; see codegen."""
        raise LookupError(self.name)

    def __str__(self) -> str:
        shown = [
            _shown(a, getattr(self, a.name)) if a.required else f"{a.name}={_shown(a, getattr(self, a.name))}"
            for a in self.arguments.values()
            if a.required or getattr(self, a.name) != a.default
        ]
        return f"{self.name}({','.join(shown)})" if shown else self.name


def _shown(argument: Argument, value: object) -> str:
    """A value as the language writes it: `3` where one number says it all, `1x7`, `[a,b,c]`, `yes`."""
    if not isinstance(value, tuple):
        return _word(value)
    if value and isinstance(value[0], int) and _says(argument, value[0], value):
        return str(value[0])
    return "x".join(map(str, value)) if argument.convert in PAIRS else _word(value)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return exact(value)
    return f"[{','.join(map(_word, value))}]" if isinstance(value, tuple) else str(value)


def _says(argument: Argument, short: int, value: object) -> bool:
    try:
        return bool(argument.convert(short) == value)
    except ValueError:
        return False


_registry: dict[str, type[Operation]] = {}
_Op = TypeVar("_Op", bound=Operation)


@dataclass_transform(frozen_default=True)
def operation(name: str, *, inputs: int | None = 1, view: bool = False) -> Callable[[type[_Op]], type[_Op]]:
    """Class decorator: register an operation under an UPPERCASE name.

    The class becomes a frozen dataclass. A field's annotation says what it takes: `int`, `float`,
    `bool`, `str`, or one of the types of `blockdsl.ops.values` (`Count`, `Size`, `Pad`, …).

    A class of the same module and qualified name takes the place of the one that was registered before,
    so that a notebook cell can be run again. Graphs that were made with the earlier class keep it.

    Raises:
        ValueError: another class has the name, it is not uppercase, a field is called like something of
            `Operation`'s, or an annotation is not understood.
    """

    def register(cls: type[_Op]) -> type[_Op]:
        if not name.isupper() or not name.isidentifier():
            raise ValueError(f"an operation's name is UPPERCASE, {name!r} is not")
        for field, annotation in get_annotations(cls).items():
            if hasattr(Operation, field) and "ClassVar" not in str(annotation):
                raise ValueError(
                    f"{name}: no argument can be called {field}, which has a meaning in Operation already"
                )
        earlier = _registry.get(name)
        if earlier and (earlier.__module__, earlier.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ValueError(
                f"an operation named {name} exists: {earlier.__module__}.{earlier.__qualname__}; "
                "give this one another name"
            )
        cls = dataclass(frozen=True)(cls)
        cls.name, cls.inputs, cls.view = name, inputs, view
        cls.family = cls.__module__.rpartition(".")[2]
        cls.arguments = arguments_of(cls)
        _registry[name] = cls
        return cls

    return register


def is_built_in(operation: Operation) -> bool:
    """Whether an operation comes with the library, and not from a user."""
    return type(operation).__module__.startswith("blockdsl.ops.")


def window_is_known(operation: Operation) -> bool:
    """Whether `window` was written for this operation's `shape`.

    Where a class overrides `shape` and leaves `window` to a base, the inherited answer is about other
    shapes, and nothing is known.
    """
    for kind in type(operation).__mro__:
        if "window" in vars(kind):
            return True
        if "shape" in vars(kind) or "shapes" in vars(kind):
            return False
    return True


def output_shapes(operation: Operation, *inputs: Shape) -> tuple[Shape, ...]:
    """The shapes of the outputs. A user's operation is asked for everything that it declares, and checked.

    Raises:
        OpError: the operation refuses its inputs, or what a user's class answers is of no use; the error
            of the class is the cause.
    """
    if is_built_in(operation):
        return operation.shapes(*inputs)
    shapes: tuple[Shape, ...] = _answer(operation, "shape", operation.shapes, inputs)
    if not isinstance(shapes, tuple) or not shapes or not all(map(_is_shape, shapes)):
        raise OpError(
            f"shape() of {operation.name} returned {_single(shapes)!r}",
            help="a shape is a tuple of whole numbers, 1 or more, without the batch axis: (C, H, W)",
        )
    for what in ("weights", "buffers"):
        tensors = _answer(operation, what, getattr(operation, what), inputs)
        if not isinstance(tensors, dict) or not all(map(_is_shape, tensors.values())):
            raise OpError(
                f"{what}() of {operation.name} returned {tensors!r}", help='it returns {"name": shape, …}'
            )
    macs = _answer(operation, "macs", operation.macs, inputs)
    if not isinstance(macs, int) or isinstance(macs, bool) or macs < 0:
        raise OpError(f"macs() of {operation.name} returned {macs!r}", help="MACs are a whole number")
    _answer(operation, "window", operation.window, inputs)
    _answer(operation, "drawn", operation.drawn, inputs)
    return shapes


def check_arguments(operation: Operation) -> None:
    """Let an operation refuse its arguments (raises `OpError`, also for mistakes of a user's `check`)."""
    if is_built_in(operation):
        operation.check()
    else:
        _answer(operation, "check", operation.check, ())


def _answer(operation: Operation, what: str, ask: Callable[..., Any], inputs: tuple[Shape, ...]) -> Any:
    """What a user's method answers; its own errors become ours, with the cause kept."""
    try:
        return ask(*inputs)
    except OpError:
        raise
    except Exception as failure:  # a user's code may raise anything
        detail = f": {failure}" if str(failure) else ""
        raise OpError(
            f"{what}() of {operation.name} raised {type(failure).__name__}{detail}",
            help=f"{operation.name} is registered by {type(operation).__module__}, which has the mistake",
        ) from failure


def _single(shapes: Any) -> Any:
    """What `shape()` returned, of an operation that has one output."""
    return shapes[0] if isinstance(shapes, tuple) and len(shapes) == 1 else shapes


def _is_shape(shape: object) -> bool:
    return isinstance(shape, tuple) and all(
        isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in shape
    )


def find(name: str) -> type[Operation] | None:
    """The operation registered under a name."""
    return _registry.get(name)


def unregister(name: str) -> None:
    """Forget a user's operation, so that another class can be registered under its name."""
    _registry.pop(name, None)


def all_operations() -> dict[str, type[Operation]]:
    """Every operation by name."""
    return dict(_registry)
