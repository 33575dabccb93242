"""What an operation is.

An operation is one decorated class: its fields are its arguments (in the order of writing), its
methods say what it makes of shapes (`blockdsl.ops.layouts`), which are without the batch axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from fractions import Fraction
from functools import cached_property
from math import prod
from typing import Any, ClassVar, NamedTuple, get_type_hints

from blockdsl.formatting import exact, shape_text
from blockdsl.ops.layouts import VALUES, Shape, Sizes
from blockdsl.ops.spec import ModuleSpec
from blockdsl.ops.values import BY_AXIS, SIZES, converter_of
from blockdsl.speedups import LateDataclass, finish_dataclass

TAGS = {"s": "stride", "p": "pad", "g": "groups", "d": "dilation"}
"""`s2` is `stride=2` for every operation that has a `stride`, and so on."""


class OpError(Exception):
    """An operation refuses its arguments or inputs; lowering adds the place.

    `argument` names the argument at fault, `sides` the input at fault, or the two that do not fit each other.
    """

    def __init__(
        self,
        message: str,
        *,
        argument: str | None = None,
        sides: tuple[int, ...] | None = None,
        help: str = "",
    ) -> None:
        super().__init__(message)
        self.message, self.argument, self.sides, self.help = message, argument, sides, help


Reads = Callable[[int], tuple[int, int] | None]
"""Along one axis, the first and last input position that an output position reads; None for none."""


class Window(NamedTuple):
    """What one output position sees of its input: each field along each axis, as (rows, columns) of an image.

    `Window()` is the same position of the input, whatever its axes.

    Attributes:
        size: extent in input positions, the largest where windows differ.
        stride: distance between neighbouring windows; a fraction where the image is enlarged.
        start: the input position where the first window begins, negative with padding. None centres
            the windows, as a pad of half their size does.
        reads: for windows that differ from position to position, what each of them reads. It repeats:
            `stride.denominator` positions further it is `stride.numerator` input positions further.
    """

    size: Sizes = (1, 1)
    stride: tuple[int | Fraction, ...] = (1, 1)
    start: Sizes | None = None
    reads: tuple[Reads, ...] | None = None


POINTWISE = Window()
"""One output position sees one position of the input."""


class Drawn(NamedTuple):
    """A weight that a recipe's `init` draws, with the fans that its distribution may depend on.

    Attributes:
        weight, bias: names in the module's `state_dict`; `bias` is empty where there is none, `weight` where
            it is another layer's.
        fan_in, fan_out: inputs of one output, and outputs of one input.
        rows: first and last + 1 along the first axis, where parts of the weight have other fans.
    """

    weight: str
    fan_in: float
    fan_out: float
    bias: str = ""
    rows: tuple[int, int] | None = None

    @classmethod
    def of(cls, shape: Sizes, *, weight: str = "weight", bias: str = "", transposed: bool = False) -> Drawn:
        """A weight (outputs, inputs, *kernel), or (inputs, outputs, *kernel) where it is transposed."""
        positions = prod(shape[2:])
        fan_in, fan_out = shape[1] * positions, shape[0] * positions
        return cls(weight, *((fan_out, fan_in) if transposed else (fan_in, fan_out)), bias)


class Saved(NamedTuple):
    """What the backward pass of an operation keeps of its forward pass, as PyTorch's autograd does it.

    Statistics of a few values a channel are left out, and weights are counted as weights.

    Attributes:
        inputs, output: whether the inputs and the output are kept.
        extra: bytes kept besides, for each value of the output: masks, indices, values inside the formula.
    """

    inputs: bool
    output: bool
    extra: int = 0


SAVES_NOTHING = Saved(inputs=False, output=False)
"""The gradient needs no value of the forward pass: sums, moves, means."""
SAVES_INPUT = Saved(inputs=True, output=False)
"""The gradient is a function of the inputs (and of the weights)."""
SAVES_OUTPUT = Saved(inputs=False, output=True)
"""The gradient is a function of the output."""


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


class DeclaredArguments:
    """The `arguments` of a class: found when somebody asks, since most classes are not used in a run."""

    def __get__(self, _: object, owner: type) -> dict[str, Argument]:
        finish_dataclass(owner)
        found = arguments_of(owner)
        owner.arguments = found  # type: ignore[attr-defined]
        return found


class Operation(LateDataclass):
    """Base of all operations. A subclass declares its arguments as annotated fields.

    The defaults describe a pointwise operation without parameters. Everything that the library needs to
    know of an operation stands here: shapes, weights, costs, the PyTorch module, and the traits below,
    which a subclass sets as plain class attributes.
    """

    name: ClassVar[str] = ""
    family: ClassVar[str] = ""
    """The kind of layer: `conv`, `linear`, `attention`, `pool`, `norm`, `activation`, `gating`, `dropout`,
    `scale`, `join`, …. Pictures are coloured by it, and activations, norms, dropouts and scales are drawn
    with the layer before them. The built-in operations take the name of their file."""
    arguments: ClassVar[dict[str, Argument]] = {}
    inputs: ClassVar[int | None] = 1
    """How many tensors flow in; None for a join, which takes two or more."""
    takes: ClassVar[tuple[type[Shape], ...]] = VALUES
    """The layouts that its inputs may have."""
    takes_help: ClassVar[Mapping[type[Shape], str]] = {}
    """What to write instead on a layout that it does not take, for the help of the error."""
    view: ClassVar[bool] = False
    """Whether the output shares its input's memory; that of its own weights where no values are read."""
    reads_values: ClassVar[bool] = True
    """Whether the output depends on the numbers that flow in, and not on their shapes and the batch alone."""
    is_tensor: ClassVar[bool] = False
    """Whether it stands where a tensor stands, as a name does that is bound to one: nothing need flow in. Its
    one input is there for the size of the batch."""
    flattens: ClassVar[bool] = False
    """Whether an image is flattened on its way in (lowering puts a FLATTEN before it)."""
    word: ClassVar[str] = ""
    """What a picture calls it, with arguments in braces: `dropout {p}`. `{channels}` are those of the output;
    what follows ` · ` is on the line below. Where it is empty, the text of the language is shown."""
    aliases: ClassVar[tuple[str, ...]] = ()
    """Other libraries' names for it, in lower case without underscores, for the help of messages."""
    saved_for_backward: ClassVar[Saved] = Saved(inputs=True, output=True)
    """What training keeps of the forward pass."""
    fresh_output: ClassVar[bool] = False
    """Whether the output is new memory that the operation's own backward pass does not read, so that the
    next layer may write over it."""
    overwrites_input: ClassVar[bool] = False
    """Whether the module can write its output over an input. To make it do so, `module.inplace` is set to
    True; of a join, `module.into` is set to the index of that input."""
    commutative: ClassVar[bool] = False
    """Whether the inputs may come in any order."""
    starts_constant: ClassVar[bool] = False
    """Whether initialisation is deterministic: new modules have equal weights and buffers."""
    kernel_can_grow: ClassVar[bool] = False
    """Whether `blockdsl open` may offer other kernel sizes, adjusting the padding."""
    depends_on_size: ClassVar[str] = ""
    """The reason it cannot be applied at each place of a larger image, such as a fixed size."""

    def check(self) -> None:
        """Refuse arguments that do not go together (raises `OpError`)."""

    def shape(self, *inputs: Shape) -> Shape:
        """Shape of the output for the shapes of the inputs (raises `OpError`)."""
        return inputs[0]

    def shapes(self, *inputs: Shape) -> tuple[Shape, ...]:
        """Shapes of all outputs; only an operation with several overrides this."""
        return (self.shape(*inputs),)

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        """Trainable tensors by their name in the module's `state_dict`."""
        return {}

    def buffers(self, *inputs: Shape) -> dict[str, Sizes]:
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
        return POINTWISE

    def spec(self, *inputs: Shape) -> ModuleSpec:
        """The PyTorch module, as data: the class and the arguments of its constructor.

        The module takes the inputs with the batch axis in front and returns the output, or a tuple of
        the outputs where there are several.
        """
        # Not abstract: an operation without a module can be counted and drawn; `codegen` refuses it.
        raise NotImplementedError(f"{type(self).__name__}.spec")

    def is_identity(self, *inputs: Shape) -> bool:
        """Whether the output is the input, in training too: a dropout with p = 0, a sum of one tensor."""
        return False

    def slid(self, *windows: Shape) -> Operation:
        """The operation that does at each place of a larger image what this one does on one window.

        `windows` are the shapes of the inputs, of vectors those of the images that were flattened into them.
        """
        return self

    def dilated(self, rate: Sizes, *inputs: Shape) -> Operation:
        """The operation on maps whose neighbours lie `rate` positions apart (raises `OpError`)."""
        if window_is_known(self) and self.window(*inputs) == POINTWISE:
            return self
        raise OpError("its window has no dilation")

    def prefers_channels_last(self) -> bool:
        """Whether it runs faster with channels last in memory."""
        return False

    def __str__(self) -> str:
        return self._text

    @cached_property
    def _text(self) -> str:
        shown = []
        for argument in self.arguments.values():
            value = getattr(self, argument.name)
            if argument.required:
                shown.append(_shown(argument, value))
            elif value != argument.default and (text := _shown(argument, value)) != _shown(
                argument, argument.default
            ):
                shown.append(f"{argument.name}={text}")
        return f"{self.name}({','.join(shown)})" if shown else self.name


def _shown(argument: Argument, value: object) -> str:
    """A value as the language writes it: `3` where one number says it all, `1x7`, `[a,b,c]`, `yes`."""
    if not isinstance(value, tuple):
        return _word(value)
    if argument.convert in BY_AXIS:
        return _by_axis(value)
    if value and isinstance(value[0], int) and _says(argument, value[0], value):
        return str(value[0])
    return shape_text(value) if argument.convert in SIZES else _word(value)


def _by_axis(value: Sizes) -> str:
    """`3` for all axes, `1x7` for each, `(0,1,0,1)` before and after where these differ."""
    if len(set(value)) == 1:
        return str(value[0])
    if len(value) > 3:
        before, after = value[::2], value[1::2]
        return shape_text(before) if before == after else f"({','.join(map(str, value))})"
    return shape_text(value)


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
