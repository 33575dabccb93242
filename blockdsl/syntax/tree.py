"""The syntax tree: frozen dataclasses, every one with the span it was written at.

Flat chains of one operator are one node: `A - B - C` is one `Chain` of three parts.
"""

from __future__ import annotations

from dataclasses import dataclass

from blockdsl.source import Span


@dataclass(frozen=True, slots=True)
class Node:
    """Anything that was written somewhere."""

    span: Span


# --- expressions ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Number(Node):
    """`96`, `1e-4`, `25_557_032`, `500k`."""

    value: int | float


@dataclass(frozen=True, slots=True)
class String(Node):
    """`"ResNet-50"`."""

    value: str


@dataclass(frozen=True, slots=True)
class Bool(Node):
    """`yes` (`true`) or `no` (`false`)."""

    value: bool


@dataclass(frozen=True, slots=True)
class Dims(Node):
    """`3x224x224`, or a kernel `1x7`; in a check also with its layout: `signal 1x16000`."""

    values: tuple[int, ...]
    layout: str = ""


@dataclass(frozen=True, slots=True)
class Slice(Node):
    """`2..4` or `2..` in the brackets of an index: the items from `first` to `last`, or to the end."""

    first: Expr
    last: Expr | None


@dataclass(frozen=True, slots=True)
class Step(Node):
    """One step of a path: a name, with indices where it says which item or which instance."""

    name: str
    indices: tuple[Expr | Slice, ...] = ()


@dataclass(frozen=True, slots=True)
class Path(Node):
    """`c`, `in.c`, `depths[i]`, `stage[2].unit[1]`: a name, a tensor's size, an item, a named point."""

    steps: tuple[Step, ...]

    @property
    def is_name(self) -> bool:
        """Whether it is a name and nothing else."""
        return len(self.steps) == 1 and not self.steps[0].indices


@dataclass(frozen=True, slots=True)
class Arg(Node):
    """An argument of a call; `name` is None for a positional one."""

    name: str | None
    value: Expr


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`f(a, b, s2, name=v)`. A bare `RELU` is a `Path` of one step."""

    name: str
    args: tuple[Arg, ...]


@dataclass(frozen=True, slots=True)
class Label(Node):
    """`conv1:CONV(96,11,s4)`."""

    name: str
    body: Expr


@dataclass(frozen=True, slots=True)
class Optional(Node):
    """`A?`: A or the identity."""

    body: Expr


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """`A - B - …`: networks one after the other; a difference of numbers."""

    parts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Sum(Node):
    """`A + B + …`."""

    parts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Concat(Node):
    """`A | B | …`."""

    parts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Product(Node):
    """`A * B * …`: repetition, elementwise product, or a product of numbers."""

    parts: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """Numbers and truth only: `/ // % **`, comparisons, `and`, `or`."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`-x` or `not x`."""

    op: str
    value: Expr


@dataclass(frozen=True, slots=True)
class If(Node):
    """`if c then A else B`, chosen while the graph is built."""

    condition: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True, slots=True)
class For(Node):
    """`(A for i in first..last)`, or over the items of a list when `last` is None.

    With several variables, as in `(A for c, n in stages)`, each item is a list that they take apart.
    """

    body: Expr
    variables: tuple[str, ...]
    first: Expr
    last: Expr | None


@dataclass(frozen=True, slots=True)
class ListOf(Node):
    """`[a, b, …]`: numbers are a list, networks a bundle; a lone `For` inside is a comprehension."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class TupleOf(Node):
    """`(a, b)`: a kernel, stride or pad whose sides are expressions."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Group(Node):
    """`(A)`: kept, so that the formatter prints what was written."""

    body: Expr


@dataclass(frozen=True, slots=True)
class Choice(Node):
    """`{a, b, c}`."""

    options: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class RangeChoice(Node):
    """`{2..6}`, `{16..128 step 16}`, `{1e-4..1e-1 log}`."""

    first: Expr
    last: Expr
    step: Expr | None = None
    log: bool = False


# --- statements ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Let(Node):
    """`let name = value`; with `params` (not None) a function `let width(i) = …`.

    `let a, b = value` binds several names, `shared name = network` a network that has its weights once.
    """

    names: tuple[str, ...]
    params: tuple[Param, ...] | None
    value: Expr
    shared: bool = False

    @property
    def name(self) -> str:
        """The name, of several the first."""
        return self.names[0]


@dataclass(frozen=True, slots=True)
class Param(Node):
    """A parameter of a block, a function or the file, with its default."""

    name: str
    default: Expr | None = None


@dataclass(frozen=True, slots=True)
class Body(Node):
    """`let …` and `shared …` lines, and the expression that is the network."""

    lets: tuple[Let, ...]
    result: Expr


@dataclass(frozen=True, slots=True)
class Block(Node):
    """`block name(params) = body`."""

    name: str
    params: tuple[Param, ...]
    body: Body


@dataclass(frozen=True, slots=True)
class Meta(Node):
    """`title "…"`, `year 2015`, `error 18.2 "top-5 %, one network"`."""

    key: str
    values: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Use(Node):
    """`use "blocks/residual.arch"`."""

    path: String


@dataclass(frozen=True, slots=True)
class Input(Node):
    """`input 3x224x224`, `input signal 1x16000`, `input image = 3x64x64`."""

    shape: Expr
    name: str | None = None
    layout: str = ""


@dataclass(frozen=True, slots=True)
class Net(Node):
    """`net body`, or the bare expression that is the whole file (`keyword` False)."""

    body: Body
    keyword: bool = True


@dataclass(frozen=True, slots=True)
class Check(Node):
    """`check params == 25_557_032`."""

    condition: Expr


@dataclass(frozen=True, slots=True)
class Setting(Node):
    """`optimizer = sgd(lr=0.1)` in `train`; the name may have two parts: `loss.p3`."""

    name: str
    value: Expr


@dataclass(frozen=True, slots=True)
class Train(Node):
    """`train` and its settings."""

    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Objective(Node):
    """`maximize accuracy`, `minimize latency(cpu)`, `minimize mymodule:function`."""

    direction: str
    metric: Expr


@dataclass(frozen=True, slots=True)
class Require(Node):
    """`require params <= 500k`."""

    condition: Expr


@dataclass(frozen=True, slots=True)
class Search(Node):
    """`search` and its objectives and limits."""

    items: tuple[Objective | Require, ...]


Expr = (
    Number
    | String
    | Bool
    | Dims
    | Path
    | Call
    | Label
    | Optional
    | Chain
    | Sum
    | Concat
    | Product
    | Binary
    | Unary
    | If
    | For
    | ListOf
    | TupleOf
    | Group
    | Choice
    | RangeChoice
)
Statement = Meta | Use | Input | Param | Let | Block | Net | Check | Train | Search


@dataclass(frozen=True, slots=True)
class File(Node):
    """A whole file: its statements in order. Comments are kept beside for the formatter."""

    statements: tuple[Statement, ...]
    comments: tuple[Span, ...] = ()
