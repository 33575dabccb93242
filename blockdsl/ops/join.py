"""Joins: several tensors become one."""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from blockdsl.formatting import shape_text
from blockdsl.ops.core import SAVES_INPUT, SAVES_NOTHING, Operation, OpError, Window
from blockdsl.ops.geometry import conversion, pointwise
from blockdsl.ops.layouts import GRIDS, Image, Shape, Tokens, Vector
from blockdsl.ops.registry import operation
from blockdsl.ops.spec import ModuleSpec
from blockdsl.ops.values import Count, Probability


def _broadcast(left: Shape, right: Shape) -> Shape | None:
    """The shape of both where axes of 1 are repeated; None if that is not enough."""
    if type(left) is not type(right):
        return None
    if not all(a == b or 1 in (a, b) for a, b in zip(left, right, strict=True)):
        return None
    return type(left)(*map(max, left, right))


def _project(left: Shape, right: Shape) -> str:
    """How one side of a sum is brought to the shape of the other."""
    if type(left) is not type(right):
        return conversion([type(left)], type(right))
    if isinstance(left, Vector):
        return f"project the shortcut: FC({max(left[0], right[0])})"
    if isinstance(left, Tokens):
        return "both sides need the same tokens and features; FC changes the features"
    if not isinstance(left, Image):
        return "both sides need the same sizes"
    small, large = sorted((left, right), key=lambda s: (s[1] * s[2], -s[0]))
    if small[1:] == large[1:]:
        return f"project the shortcut: CONV({small[0]},1)"
    strides = {large[i] // small[i] if large[i] % small[i] == 0 else 0 for i in (1, 2)}
    if len(strides) == 1 and 0 not in strides:
        return f"project the shortcut: CONV({small[0]},1,s{strides.pop()})"
    return "the sides differ in rows and columns: check the pads and strides, or CROP or PAD one of them"


class _Elementwise(Operation):
    """What the sums share: all inputs have one shape, or axes of 1 where they `broadcast`."""

    verb = "combine"

    def shape(self, *inputs: Shape) -> Shape:
        result = inputs[0]
        for index, other in enumerate(inputs[1:], 1):
            if other == result:
                continue
            repeated = _broadcast(result, other)
            if repeated is None or not getattr(self, "broadcast", False):
                raise OpError(
                    f"cannot {self.verb} {shape_text(result)} and {shape_text(other)}",
                    sides=(0, index),
                    help=self._help(result, other, repeated),
                )
            result = repeated
        return result

    def _help(self, left: Shape, right: Shape, repeated: Shape | None) -> str:
        if repeated is None or "broadcast" not in self.arguments:
            return _project(left, right)
        return f"{_project(left, right)}; {self.name}(A, B, broadcast=yes) repeats an axis of 1"

    window = pointwise

    def is_identity(self, *inputs: Shape) -> bool:
        return len(inputs) == 1


@operation("SUM", inputs=None)
class Sum(_Elementwise):
    """Sum of tensors of one shape, `A + B`: the residual connection (He et al. 2015).

    With `broadcast` an axis of 1 is repeated, as in MUL; `A + B` never does that.
    """

    word = "+"
    aliases = ("add",)
    saved_for_backward = SAVES_NOTHING
    fresh_output = True
    overwrites_input = True
    commutative = True

    verb = "add"
    broadcast: bool = False

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.join:Sum", " + ".join(_names(inputs)))


@operation("MEAN", inputs=None)
class Mean(_Elementwise):
    """Mean of tensors of one shape, with FractalNet's drop-path (Larsson et al. 2017, section 3).

    In training each input is dropped with probability `drop`, at least one survives, and the mean is
    over the survivors (local drop-path). With `columns`, every other mini-batch on average keeps one
    column of the whole net in place of that (global drop-path), the same at all joins: a join of m
    inputs has the m deepest of `columns` columns, deepest last. In evaluation it is the plain mean.
    """

    word = "mean"
    aliases = ("average",)
    saved_for_backward = SAVES_NOTHING
    commutative = True

    verb = "average"
    drop: Probability = 0.0
    columns: Count | None = None

    def shape(self, *inputs: Shape) -> Shape:
        if self.columns is not None and len(inputs) > self.columns:
            raise OpError(
                f"MEAN joins {len(inputs)} paths of a net of {self.columns} columns",
                argument="columns",
                help=f"columns={len(inputs)} at least",
            )
        return super().shape(*inputs)

    window = pointwise

    def spec(self, *inputs: Shape) -> ModuleSpec:
        if self.drop or self.columns:
            return ModuleSpec("blockdsl.layers.join:FractalMean", drop=self.drop, columns=self.columns)
        total = " + ".join(_names(inputs))
        return ModuleSpec("blockdsl.layers.join:Mean", f"({total}) / {len(inputs)}")


@operation("MAX", inputs=None)
class Max(_Elementwise):
    """Elementwise maximum of tensors of one shape; with `broadcast` an axis of 1 is repeated."""

    word = "max"
    aliases = ("maximum",)
    saved_for_backward = SAVES_INPUT
    commutative = True

    verb = "take the maximum of"
    broadcast: bool = False

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.join:Max", "torch.maximum({0}, {1})" if len(inputs) == 2 else "")


@operation("MIN", inputs=None)
class Min(_Elementwise):
    """Elementwise minimum of tensors of one shape; with `broadcast` an axis of 1 is repeated."""

    word = "min"
    aliases = ("minimum",)
    saved_for_backward = SAVES_INPUT
    commutative = True

    verb = "take the minimum of"
    broadcast: bool = False

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.join:Min", "torch.minimum({0}, {1})" if len(inputs) == 2 else "")


class _OfTwo(_Elementwise):
    """What is done with two tensors, in their order."""

    def shape(self, *inputs: Shape) -> Shape:
        if len(inputs) != 2:
            raise OpError(
                f"{self.name} takes two tensors, not {len(inputs)}",
                help=f"nest them: {self.name}({self.name}(A, B), C)",
            )
        return super().shape(*inputs)

    window = pointwise

    def is_identity(self, *inputs: Shape) -> bool:
        return False


@operation("SUB", inputs=None)
class Sub(_OfTwo):
    """Difference of two tensors of one shape, the first minus the second.

    With `broadcast` an axis of 1 is repeated.
    """

    word = "−"
    aliases = ("subtract",)
    saved_for_backward = SAVES_NOTHING
    fresh_output = True

    verb = "subtract"
    broadcast: bool = False

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.join:Sub", "{0} - {1}")


@operation("DIV", inputs=None)
class Div(_OfTwo):
    """Quotient of two tensors of one shape, the first by the second; x / 0 is ±inf, and 0 / 0 nan.

    With `broadcast` an axis of 1 is repeated. SHIFT(1e-6) before the second keeps one that is not negative
    from 0.
    """

    word = "÷"
    aliases = ("divide",)
    saved_for_backward = SAVES_INPUT
    fresh_output = True

    verb = "divide"
    broadcast: bool = False

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.join:Div", "{0} / {1}")


@operation("MUL", inputs=None)
class Mul(Operation):
    """Elementwise product, `A * B`; an axis of 1 is repeated: CxHxW by Cx1x1 or by 1xHxW (gates)."""

    word = "×"
    aliases = ("multiply",)
    saved_for_backward = SAVES_INPUT
    commutative = True

    def shape(self, *inputs: Shape) -> Shape:
        result = inputs[0]
        for index, other in enumerate(inputs[1:], 1):
            repeated = _broadcast(result, other)
            if repeated is None:
                raise OpError(
                    f"cannot multiply {shape_text(result)} and {shape_text(other)}",
                    sides=(0, index),
                    help=_gate(result, other),
                )
            result = repeated
        return result

    window = pointwise

    def is_identity(self, *inputs: Shape) -> bool:
        return len(inputs) == 1

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.join:Mul", " * ".join(_names(inputs)))


def _gate(left: Shape, right: Shape) -> str:
    layouts: dict[type[Shape], Shape] = {type(left): left, type(right): right}
    if layouts.keys() == {Vector, Image}:
        c = layouts[Image].channels
        return f"a gate of an image is {c}x1x1: CONV({c},1) in place of FC({c}) after GAP"
    if layouts.keys() == {Image}:
        return f"a gate of {shape_text(left)} is {left[0]}x1x1 or 1x{left[1]}x{left[2]}, or of the same shape"
    return "both sides need the same shape, or 1 on the axes where they differ"


@operation("CAT", inputs=None)
class Cat(Operation):
    """Concatenation over channels, `A | B`: images of one H x W, tokens of one L (over features), vectors.

    The order of the inputs is the order of the channels.
    """

    word = "concat"
    aliases = ("concat", "concatenate")
    saved_for_backward = SAVES_NOTHING

    def shape(self, *inputs: Shape) -> Shape:
        first = inputs[0]
        layout, positions = type(first), first.positions
        for index, other in enumerate(inputs[1:], 1):
            if type(other) is not layout or other.positions != positions:
                raise OpError(
                    f"cannot concatenate {shape_text(first)} and {shape_text(other)}",
                    sides=(0, index),
                    help=_align(first, other),
                )
        return first.with_channels(sum(shape.channels for shape in inputs))

    window = pointwise

    def is_identity(self, *inputs: Shape) -> bool:
        return len(inputs) == 1

    def spec(self, *inputs: Shape) -> ModuleSpec:
        joined = f"torch.cat([{', '.join(_names(inputs))}], {{dim}})"
        return ModuleSpec("blockdsl.layers.join:Cat", joined, dim=inputs[0].channel_dim)


def _align(left: Shape, right: Shape) -> str:
    if type(left) is not type(right):
        kinds = {type(left), type(right)}
        if Vector in kinds and kinds <= {Vector, *GRIDS}:
            return "-FLATTEN makes a vector of the other: GAP-FLATTEN leaves one number a channel"
        return "concatenation joins images with images, tokens with tokens, vectors with vectors"
    if isinstance(left, Tokens):
        return "the sides need the same number of tokens"
    if not isinstance(left, Image):
        return "the sides need the same positions"
    (rows, columns), (other_rows, other_columns) = left[1:], right[1:]
    least = shape_text((min(rows, other_rows), min(columns, other_columns)))
    factor = max(rows // other_rows, other_rows // rows)
    if (
        factor > 1
        and factor * min(rows, other_rows) == max(rows, other_rows)
        and rows * other_columns == (other_rows * columns)
    ):
        return (
            f"POOL({factor}) on the larger brings it to {least}, or UPSAMPLE({factor}) enlarges the smaller"
        )
    return f"bring both to the same rows and columns: check the pads, or CROP({least}) the larger"


@operation("MATMUL", inputs=None)
class MatMul(Operation):
    """Matrix product of two sequences: (L, M) and (M, D) -> (L, D)."""

    takes = (Tokens,)
    saved_for_backward = SAVES_INPUT

    def shape(self, *inputs: Shape) -> Shape:
        (rows, inner), (other, columns) = _two(self.name, inputs)
        if inner != other:
            raise OpError(
                f"cannot multiply the matrices {shape_text(inputs[0])} and {shape_text(inputs[1])}",
                sides=(0, 1),
                help="the columns of the first are the rows of the second; TRANSPOSE one, or DOT",
            )
        return Tokens(rows, columns)

    def window(self, *inputs: Shape) -> Window | None:
        """Row i of the result reads all rows of the second sequence."""
        return None

    def macs(self, *inputs: Shape) -> int:
        """L * M * D."""
        return inputs[0][0] * inputs[0][1] * inputs[1][1]

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.join:MatMul", transposed=False)


@operation("DOT", inputs=None)
class Dot(Operation):
    """Dot products of all pairs of tokens: (L, D) and (M, D) -> (L, M) (non-local nets, attention)."""

    takes = (Tokens,)
    saved_for_backward = SAVES_INPUT

    def shape(self, *inputs: Shape) -> Shape:
        (rows, left), (columns, right) = _two(self.name, inputs)
        if left != right:
            raise OpError(
                f"cannot take dot products of {shape_text(inputs[0])} and {shape_text(inputs[1])}",
                sides=(0, 1),
                help="both sides need tokens of the same number of features",
            )
        return Tokens(rows, columns)

    def window(self, *inputs: Shape) -> Window | None:
        """Row i of the result reads all rows of the second sequence."""
        return None

    def macs(self, *inputs: Shape) -> int:
        """L * M * D."""
        return inputs[0][0] * inputs[0][1] * inputs[1][0]

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.join:MatMul", transposed=True)


def _names(inputs: tuple[Shape, ...]) -> list[str]:
    """`{0}`, `{1}`, …: the inputs in an expression of a `ModuleSpec`."""
    return [f"{{{i}}}" for i in range(len(inputs))]


def _two(name: str, inputs: tuple[Shape, ...]) -> tuple[Shape, Shape]:
    if len(inputs) != 2:
        raise OpError(f"{name} joins two sequences, not {len(inputs)}", help="nest them")
    return inputs[0], inputs[1]
