"""Graphs with several inputs and outputs and with shared networks, made without the language.

A `GraphMaker` adds layers and blocks as lowering does. `NETWORKS` are small networks of every kind, and
`random_graph` makes others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from hypothesis import strategies as st

from blockdsl.ir import Auxiliary, BlockCall, Graph, Layer, Path, Port, Segment, Value, module_name
from blockdsl.ops import Ids, Image, ModuleSpec, Operation, Shape, Tokens, Vector, find, operation, unregister
from blockdsl.ops.shape import Input
from blockdsl.source import Source, Span
from blockdsl.verifier import verify

Network = Callable[..., Any]
"""What a block applies: takes a `GraphMaker` and tensors, returns a tensor or several."""


def op(name: str, *given: object, **named: object) -> Operation:
    """An operation as the language writes it: `op("CONV", 4, 3, pad=1)`."""
    kind = find(name)
    assert kind is not None
    values = dict(zip(kind.arguments, given, strict=False)) | named
    made = kind(**{argument: kind.arguments[argument].convert(value) for argument, value in values.items()})
    made.check()
    return made


@contextmanager
def lookup() -> Iterator[Operation]:
    """An operation that takes ids to the rows of a table: (L,) -> (L, 3), known as LOOKUP meanwhile."""

    @operation("LOOKUP")
    class Lookup(Operation):
        """Rows of a table."""

        takes = (Ids,)

        def shape(self, *inputs: Shape) -> Shape:
            return Tokens(inputs[0][0], 3)

        def weights(self, *inputs: Shape) -> dict[str, tuple[int, ...]]:
            return {"weight": (5, 3)}

        def spec(self, *inputs: Shape) -> ModuleSpec:
            return ModuleSpec("torch.nn:Embedding", num_embeddings=5, embedding_dim=3)

    try:
        yield Lookup()
    finally:
        unregister("LOOKUP")


def path(text: str) -> Path:
    """`head[1].conv[1]` as a path."""
    steps = [step.rstrip("]").partition("[") for step in text.split(".")] if text else []
    return tuple(Segment(name, int(index) if index else None) for name, _, index in steps)


class GraphMaker:
    """Makes a graph, layer by layer.

    >>> net = GraphMaker()
    >>> image = net.input("image", Image(3, 8, 8))
    >>> conv = op("CONV", 4, 1)
    >>> one = net.block("head[1]", lambda net, x: net.layer(conv, x), image, shared="head")
    >>> two = net.layer(conv, one, path="last")
    >>> net.graph(near=one, far=two).shared
    {(Segment(name='head', index=1),): (Segment(name='head', index=None),)}
    """

    def __init__(self) -> None:
        self.made = Graph()
        self._here: Path = ()
        self._call: BlockCall | None = None
        self._training = False
        self._layers: list[Layer] = []
        self._used: dict[tuple[Path, str], int] = {}
        self._text = ""

    @property
    def module(self) -> str:
        """The path of the module of the open block, as `shared` takes it."""
        return ".".join(map(str, self._in_modules(self._here)))

    def input(self, name: str, shape: Shape) -> Value:
        """An input of the network; all of them come first."""
        value = self._add(Input.of(shape), (), (shape,), (Segment(name),))
        self.made.inputs = (*self.made.inputs, Port(name, value))
        return value

    def layer(self, operation: Operation, *inputs: Value, path: str = "", shared: str = "") -> Value:
        """The first output of a layer; another one is `value._replace(port=1)`.

        `path` begins at the open block; without one the layer is called `conv[1]`, `conv[2]`, …. A layer
        with `shared` is an application of the one module of that path.
        """
        shapes = tuple(self._layers[value.node].shapes[value.port] for value in inputs)
        where = self._path(path or self._next(operation.name.lower()))
        if shared:
            self._share(where, shared)
        return self._add(operation, inputs, operation.shapes(*shapes), where)

    def block(
        self, path: str, network: Network, *inputs: Value, shared: str = "", training: bool = False
    ) -> Any:
        """What a network makes of tensors, its layers in a block.

        With `shared` it has the weights there. With `training` it feeds auxiliary outputs alone.
        """
        where, around = self._path(path), (self._here, self._call, self._training)
        if shared:
            self._share(where, shared)
        start = len(self._text)
        self._text += f"{path}:\n"
        name = self.made.shared.get(where, where)[-1].name
        call = BlockCall(name, {}, where, self._span(start), self._call)
        self.made.blocks[module_name(where)] = call
        self._here, self._call, self._training = where, call, self._training or training
        result = network(self, *inputs)
        self._here, self._call, self._training = around
        if isinstance(result, Value):
            self.made.points[module_name(where)] = result
        return result

    def auxiliary(self, name: str, value: Value, weight: float = 0.3) -> None:
        """Let a tensor out in training only; a block makes it that is for `training`."""
        self.made.auxiliaries.append(Auxiliary(name, value, weight))

    def graph(self, /, **outputs: Value) -> Graph:
        """The graph with these outputs, verified."""
        graph = self.made
        graph.outputs = tuple(Port(name, value) for name, value in outputs.items())
        source = Source("net.arch", self._text)
        for layer in self._layers:
            graph.add(replace(layer, span=Span(source, layer.span.start, layer.span.end)))
        verify(graph)
        return graph

    def _add(
        self, operation: Operation, inputs: tuple[Value, ...], shapes: tuple[Shape, ...], where: Path
    ) -> Value:
        start = len(self._text)
        self._text += f"{operation}\n"
        value = Value(len(self._layers))
        self._layers.append(
            Layer(value.node, operation, inputs, shapes, where, self._span(start), self._call, self._training)
        )
        self.made.points[module_name(where)] = value
        return value

    def _span(self, start: int) -> Span:
        return Span(Source("net.arch", self._text), start, len(self._text) - 1)

    def _path(self, text: str) -> Path:
        return (*self._here, *path(text))

    def _next(self, name: str) -> str:
        number = self._used[self._here, name] = self._used.get((self._here, name), 0) + 1
        return f"{name}[{number}]"

    def _share(self, where: Path, owner: str) -> None:
        self.made.shared[where] = path(owner)

    def _in_modules(self, where: Path) -> Path:
        for length in range(len(where), 0, -1):
            if owner := self.made.shared.get(where[:length]):
                return owner + where[length:]
        return where


IMAGE = Image(3, 8, 8)


def conv(channels: int, kernel: int = 3, **named: object) -> Operation:
    """A convolution that keeps the size of an image."""
    return op("CONV", channels, kernel, pad=kernel // 2, **named)


def unit(net: GraphMaker, x: Value) -> Value:
    """A residual unit of 4 channels."""
    y = net.layer(op("RELU"), net.layer(op("BN"), net.layer(conv(4), x)))
    return net.layer(op("RELU"), net.layer(op("SUM"), x, net.layer(conv(4), y)))


def head(net: GraphMaker, x: Value) -> Value:
    """A chain of layers."""
    x = net.layer(op("RELU"), net.layer(op("BN"), net.layer(conv(4), x)))
    return net.layer(conv(2, 1), x)


def two_inputs() -> Graph:
    """An image and a vector, joined; the names are not in the order of the alphabet."""
    net = GraphMaker()
    image, time = net.input("image", IMAGE), net.input("time", Vector(5))
    x = net.layer(op("RELU"), net.layer(conv(4), image))
    x = net.layer(op("FLATTEN"), net.layer(op("GAP"), x))
    return net.graph(y=net.layer(op("FC", 2), net.layer(op("CAT"), x, net.layer(op("FC", 3), time))))


def unused_input() -> Graph:
    """Nothing reads the second input."""
    net = GraphMaker()
    image, _ = net.input("image", IMAGE), net.input("noise", Vector(3))
    return net.graph(y=net.layer(op("RELU"), net.layer(conv(4), image)))


def named_input() -> Graph:
    """A chain whose input has a name."""
    net = GraphMaker()
    return net.graph(y=net.layer(op("RELU"), net.layer(conv(4), net.input("image", IMAGE))))


def pyramid() -> Graph:
    """Three outputs: one head of several layers over maps of different sizes."""
    net = GraphMaker()
    x = net.input("image", Image(3, 16, 16))
    found = {}
    for level in (3, 4, 5):
        x = net.layer(op("RELU"), net.layer(conv(4, stride=2), x))
        found[f"p{level}"] = net.block(f"head[{level - 2}]", head, x, shared="head")
    return net.graph(**found)


def siamese() -> Graph:
    """A shared nest of blocks, applied inside of two other blocks that share nothing else."""
    net = GraphMaker()
    left, right = net.input("left", IMAGE), net.input("right", IMAGE)

    def tower(net: GraphMaker, x: Value) -> Value:
        x = net.block("unit[1]", unit, net.layer(conv(4), x))
        return net.layer(op("RELU"), net.block("unit[2]", unit, x))

    def side(net: GraphMaker, x: Value) -> Value:
        x = net.block("tower[1]", tower, net.layer(op("BN"), x), shared="tower")
        return net.layer(conv(4, 1), x)

    one, two = net.block("side[1]", side, left), net.block("side[2]", side, right)
    return net.graph(y=net.layer(op("FC", 2), net.layer(op("FLATTEN"), net.layer(op("SUM"), one, two))))


def single_layer() -> Graph:
    """One layer, applied three times: at the top twice, and in a block."""
    net = GraphMaker()
    x = net.input("x", IMAGE)

    def inner(net: GraphMaker, x: Value) -> Value:
        return net.layer(op("TANH"), net.layer(conv(3), x, path="proj[1]", shared="proj"))

    one = net.layer(op("SIGMOID"), net.layer(conv(3), x, path="proj[1]", shared="proj"))
    two = net.layer(conv(3), one, path="proj[2]", shared="proj")
    return net.graph(y=net.layer(op("SUM"), one, net.block("inner[1]", inner, two)))


def shared_in_shared() -> Graph:
    """A shared network with one of its own, and with one of the network's."""
    net = GraphMaker()
    one, two = net.input("one", IMAGE), net.input("two", IMAGE)

    def outer(net: GraphMaker, x: Value) -> Value:
        def deep(net: GraphMaker, x: Value) -> Value:
            return net.block(
                "head[1]", head, net.block("unit[3]", unit, x, shared="outer.unit"), shared="head"
            )

        x = net.layer(conv(4, 1), x)
        x = net.block(
            "unit[2]", unit, net.block("unit[1]", unit, x, shared="outer.unit"), shared="outer.unit"
        )
        return net.block("deep", deep, x)

    a, b = (net.block(f"outer[{i}]", outer, x, shared="outer") for i, x in enumerate((one, two), 1))
    more = net.block("head[1]", head, net.layer(op("CAT"), one, a, b), shared="other")
    return net.graph(
        a=a, b=b, more=more, last=net.block("head[2]", head, net.layer(conv(4), b), shared="head")
    )


def captured() -> Graph:
    """A shared network that takes tensors from outside, one tensor for two reads in one application only."""
    net = GraphMaker()
    x, skip = net.input("x", IMAGE), net.input("skip", IMAGE)

    def mix(net: GraphMaker, x: Value, a: Value, b: Value, c: Value) -> Value:
        def inner(net: GraphMaker, y: Value) -> Value:
            return net.layer(op("SUM"), net.layer(op("MUL"), y, a), b, b)

        y = net.block("inner[1]", inner, net.layer(conv(3), x))
        return net.layer(op("CAT"), y, c, a)

    one = net.block("mix[1]", mix, x, skip, skip, x, shared="mix")
    thin = net.layer(conv(3, 1), one)
    two = net.block("mix[2]", mix, x, thin, skip, x, shared="mix")
    return net.graph(y=net.layer(op("SUM"), one, two))


def several_outputs() -> Graph:
    """A shared network with three outputs, some of which only some of the applications use."""
    net = GraphMaker()
    x = net.input("x", IMAGE)

    def parts(net: GraphMaker, x: Value) -> tuple[Value, Value, Value]:
        def inner(net: GraphMaker, x: Value) -> tuple[Value, Value]:
            a = net.layer(op("SPLIT", (1, 2)), net.layer(conv(3), x))
            return a, a._replace(port=1)

        a, b = net.block("inner[1]", inner, x)
        return a, b, net.layer(op("RELU"), net.layer(op("CAT"), b, a))

    a, _, c = net.block("parts[1]", parts, x, shared="parts")
    _, b, d = net.block("parts[2]", parts, c, shared="parts")
    _, _, e = net.block("parts[3]", parts, net.layer(op("RELU"), d), shared="parts")
    return net.graph(a=a, b=b, e=e)


def output_is_input() -> Graph:
    """Two of the outputs are inputs themselves."""
    net = GraphMaker()
    one, two = net.input("one", IMAGE), net.input("two", IMAGE)
    return net.graph(same=two, y=net.layer(op("RELU"), net.layer(conv(4), one)), first=one)


def one_tensor_twice() -> Graph:
    """Two outputs that are one tensor, of what would be a chain."""
    net = GraphMaker()
    y = net.layer(op("RELU"), net.layer(conv(4), net.input("x", IMAGE)))
    return net.graph(one=y, two=y)


def auxiliary() -> Graph:
    """Two outputs, and two auxiliary heads that apply one network, one of them inside of a block."""
    net = GraphMaker()
    x = net.layer(conv(4), net.input("x", IMAGE))

    def stage(net: GraphMaker, x: Value) -> Value:
        x = net.layer(op("BN"), x)
        net.auxiliary("early", net.block("early", head, x, shared="head", training=True))
        return net.layer(op("RELU"), net.layer(conv(4), x))

    x = net.block("stage[1]", stage, x)
    net.auxiliary("late", net.block("late", head, x, shared="head", training=True), 0.5)
    last = net.layer(conv(4, stride=2), x)
    return net.graph(map=net.block("head[1]", head, last, shared="head"), features=last)


def auxiliary_in_shared() -> Graph:
    """An auxiliary head inside of a shared network, let out by both applications."""
    net = GraphMaker()
    x = net.input("x", Image(4, 8, 8))

    def stage(net: GraphMaker, x: Value, name: str) -> Value:
        x = net.layer(op("BN"), x)
        net.auxiliary(name, net.block("early", head, x, training=True))
        return net.layer(op("RELU"), net.layer(conv(4), x))

    for index in (1, 2):
        x = net.block(f"stage[{index}]", stage, x, f"early{index}", shared="stage")  # type: ignore[arg-type]
    return net.graph(y=x)


def column(net: GraphMaker, x: Value) -> Value:
    """A join of two paths with global drop-path."""
    return net.layer(op("MEAN", 0.15, 2), net.layer(conv(4), x), net.layer(conv(4), net.layer(conv(4), x)))


def drop_path() -> Graph:
    """Global drop-path inside of a shared network and outside of it."""
    net = GraphMaker()
    x = net.layer(conv(4), net.input("x", IMAGE))
    one = net.block("column[1]", column, x, shared="column")
    two = net.block("column[3]", column, net.block("column[2]", column, one, shared="column"))
    return net.graph(one=one, two=two)


def owner_in_block() -> Graph:
    """A network that is shared inside of one block, and used outside of it, too."""
    net = GraphMaker()
    x = net.layer(conv(4), net.input("x", IMAGE))

    def stage(net: GraphMaker, x: Value) -> Value:
        def inner(net: GraphMaker, x: Value) -> Value:
            return net.layer(op("TANH"), net.block("unit[1]", unit, x, shared="stage[1].own"))

        return net.block("inner[1]", inner, net.block("unit[1]", unit, x, shared="stage[1].own"))

    y = net.block("stage[1]", stage, x)
    return net.graph(y=net.block("unit[1]", unit, y, shared="stage[1].own"))


NETWORKS: dict[str, Callable[[], Graph]] = {
    make.__name__: make
    for make in (
        two_inputs, unused_input, named_input, pyramid, siamese, single_layer, shared_in_shared, captured,
        several_outputs, output_is_input, one_tensor_twice, auxiliary, auxiliary_in_shared, drop_path,
        owner_in_block,
    )
}  # fmt: skip
"""Small networks with several inputs or outputs, or shared weights."""

CHANNELS = 3
"""All tensors of random networks have so many."""

UNARY = (
    conv(CHANNELS), conv(CHANNELS, 1, bias=False), op("BN"), op("RELU"), op("TANH"), op("SCALE", 0.5),
    op("POOL", 3, stride=1, pad=1),
)  # fmt: skip
BINARY = ("SUM", "MUL", "MAX", "CAT")


@dataclass
class _Step:
    """What a random network does: a layer, a block, or (with an `owner`) an application."""

    name: str
    sources: list[int]
    operation: Operation | None = None
    inner: _Body | None = None
    owner: _Body | None = None
    training: bool = False


@dataclass
class _Body:
    """A random network: on so many tensors of one size, some of which it returns."""

    inputs: int
    steps: list[_Step] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    owner: str = ""
    """How its module is called, if it is a shared one."""
    place: _Body | None = None
    """The network that its module stands in."""
    module: str = ""
    """Where that is, once it is known."""
    has_heads: bool = False
    """Whether auxiliary outputs are in it."""


def random_graph(random: Random) -> Graph:
    """A network with several inputs, outputs and shared networks, of whatever structure."""
    net = GraphMaker()
    sizes = [random.choice((4, 4, 6)) for _ in range(random.randint(1, 3))]
    values = [net.input(f"in{i}", Image(CHANNELS, size, size)) for i, size in enumerate(sizes)]
    outputs: list[Value] = []
    shared: list[_Body] = []
    for index in range(random.randint(0, 2)):
        shared.append(_random_body(random, random.randint(1, 3), shared, 1))
        shared[-1].owner, shared[-1].place = f"all{index}", _Body(0)
    for part in range(random.randint(1, 3)):
        size = random.choice(sizes)
        own = [value for value in values if net._layers[value.node].shapes[value.port][1] == size]
        body = _random_body(random, len(own), shared, 0)
        found = net.block(f"part[{part + 1}]", _run(body), *own)
        outputs += found
        values += found
    chosen = random.sample(outputs, random.randint(1, min(3, len(outputs))))
    if random.random() < 0.2:
        chosen.append(random.choice(chosen))
    if random.random() < 0.2:
        chosen.append(random.choice(values))
    return net.graph(**{f"out{i}": value for i, value in enumerate(chosen)})


def _random_body(
    random: Random, inputs: int, scope: Sequence[_Body], depth: int, *, training: bool = False
) -> _Body:
    """A random network; `scope` are the shared ones that it may apply besides its own."""
    body, count = _Body(inputs), inputs
    at_hand = [owner for owner in scope if not (training and owner.has_heads)]
    for index in range(1, random.randint(2, 6)):
        sources = [random.randrange(count) for _ in range(random.randint(1, 3))]
        kind = random.random()
        if kind < 0.2 and depth < 2:
            own = _random_body(random, random.randint(1, 3), at_hand, depth + 1, training=training)
            own.owner, own.place = f"own{index}", body
            at_hand.append(own)
        if kind > 0.95 and depth < 3 and not training:
            inner = _random_body(random, len(sources), at_hand, depth + 1, training=True)
            body.steps.append(_Step(f"head[{index}]", sources, inner=inner, training=True))
            continue
        if kind < 0.4 and at_hand:
            owner = random.choice(at_hand)
            sources = [random.randrange(count) for _ in range(owner.inputs)]
            step = _Step(f"apply[{index}]", sources, inner=owner, owner=owner)
        elif kind < 0.55 and depth < 3:
            step = _Step(
                f"block[{index}]",
                sources,
                inner=_random_body(random, len(sources), at_hand, depth + 1, training=training),
            )
        elif kind < 0.8 or len(sources) == 1:
            step = _Step(f"layer[{index}]", sources[:1], random.choice(UNARY))
        else:
            step = _Step(f"join[{index}]", sources, op(random.choice(BINARY)))
        body.steps.append(step)
        count += len(step.inner.outputs) if step.inner else 1
    if count == inputs:
        body.steps.append(_Step("last", [0], op("RELU")))
        count += 1
    body.has_heads = any(step.training or (step.inner and step.inner.has_heads) for step in body.steps)
    made = range(inputs, count)
    body.outputs = random.sample(made, min(len(made), random.randint(1, 2)))
    return body


def _run(body: _Body) -> Network:
    """A random network as a function."""

    def network(net: GraphMaker, *inputs: Value) -> list[Value]:
        body.module = net.module
        values = list(inputs)
        for step in body.steps:
            given = [values[source] for source in step.sources]
            if step.operation is not None:
                x = net.layer(step.operation, *given, path=step.name)
                if step.operation.name == "CAT":
                    x = net.layer(
                        conv(CHANNELS, 1), x, path=f"{step.name}conv".replace("[", "").replace("]", "")
                    )
                values.append(x)
            else:
                assert step.inner is not None
                shared = ""
                if step.owner is not None and step.owner.place is not None:
                    shared = ".".join(filter(None, (step.owner.place.module, step.owner.owner)))
                found = net.block(step.name, _run(step.inner), *given, shared=shared, training=step.training)
                if step.training:
                    net.auxiliary(f"aux{len(net.made.auxiliaries)}", found[0])
                else:
                    values += found
        return [values[output] for output in body.outputs]

    return network


def graphs() -> st.SearchStrategy[Graph]:
    """Random networks, as a strategy of hypothesis."""
    return st.integers(0, 2**32 - 1).map(lambda seed: random_graph(Random(seed)))
