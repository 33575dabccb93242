"""Built modules with several inputs and outputs, and with shared networks."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from hypothesis import given, settings
from torch import Tensor, nn

from blockdsl.codegen import build, check_module, module_path, place
from blockdsl.codegen.containers import Chain
from blockdsl.diagnostics import ArchError
from blockdsl.ir import Graph, Value, module_name
from blockdsl.ops import Ids, Image, Operation, Vector
from blockdsl.recipe.initial import Normal
from tests import graphs
from tests.by_hand import by_hand, same_computation, tensors
from tests.graphs import NETWORKS, GraphMaker, conv, lookup, op, unit

every_network = pytest.mark.parametrize("name", NETWORKS)


def batch(graph: Graph, n: int = 3) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = (graph.shape_of(port.value) for port in graph.inputs)
    return [torch.randn(n, *shape, generator=generator, dtype=torch.float64) for shape in shapes]


@every_network
def test_a_network_is_the_one_that_is_written_by_hand(name: str) -> None:
    graph = NETWORKS[name]()
    check_module(graph, build(graph))
    for training in (False, True):
        ours = build(graph, seed=0, dtype=torch.float64)
        if not (training and name == "drop_path"):
            theirs = by_hand(name, ours.state_dict())
            assert set(theirs.state_dict()) == set(ours.state_dict())
            same_computation(ours, theirs, batch(graph), training=training)


@every_network
def test_inputs_are_given_by_position_or_by_name(name: str) -> None:
    graph = NETWORKS[name]()
    module, inputs = build(graph, seed=0, dtype=torch.float64).eval(), batch(graph)
    names = [port.name for port in graph.inputs]
    assert module.input_names == tuple(names)
    assert module.output_names == tuple(port.name for port in graph.outputs)
    wanted = module(*inputs)
    assert isinstance(wanted, tuple) == (len(graph.outputs) > 1)
    given = dict(zip(names, inputs, strict=True))
    torch.testing.assert_close(module(**given), wanted)
    torch.testing.assert_close(module(**dict(reversed(given.items()))), wanted)
    torch.testing.assert_close(module(inputs[0], **dict(list(given.items())[1:])), wanted)


def by_python(*parameters: str) -> str:
    """A function with these parameters."""
    names: dict[str, object] = {}
    exec(f"def forward({', '.join(parameters)}): pass", names)
    return names["forward"]  # type: ignore[return-value]


@pytest.mark.parametrize("names", [("image",), ("image", "time"), ("a", "b", "c", "d")])
def test_wrong_inputs_are_told_in_the_words_of_python(names: tuple[str, ...]) -> None:
    net = GraphMaker()
    values = [net.input(name, Vector(2)) for name in names]
    module, like = build(net.graph(y=net.layer(op("CAT"), *values, values[0]))), by_python(*names)
    x = torch.zeros(1, 2)
    for inputs, named in (
        ((), {}),
        ((x,) * (len(names) - 1), {}),
        ((x,) * (len(names) + 1), {}),
        ((x,) * (len(names) + 2), {}),
        ((x,) * len(names), {names[0]: x}),
        ((x,) * len(names), {"other": x}),
        ((), dict.fromkeys(names[1:], x)),
    ):
        with pytest.raises(TypeError) as wanted:
            like(*inputs, **named)  # type: ignore[operator]
        with pytest.raises(TypeError) as found:
            module(*inputs, **named)
        said, expected = str(found.value), str(wanted.value)
        shapes = ", ".join(f"'{name}' (N, 2)" for name in names)
        assert said == f"{expected}; the inputs are {shapes}"


def test_an_input_of_another_shape_is_told_by_its_name() -> None:
    net = GraphMaker()
    image, time = net.input("image", Image(3, 8, 8)), net.input("time", Vector(2))
    with lookup() as embed:
        words = net.layer(embed, net.input("text", Ids(5)))
        net.layer(op("FLATTEN"), words)
        module = build(net.graph(image=net.layer(conv(4), image), time=time, words=words))
    given = {"image": torch.zeros(2, 3, 8, 8), "time": torch.zeros(2, 2), "text": torch.zeros(2, 5).long()}
    module(**given)
    module(**given | {"image": torch.zeros(2, 3, 6, 9)})  # other rows and columns
    for name, wrong, message in (
        ("image", torch.zeros(3, 8, 8), "the input 'image' is (N, 3, H, W), not (3, 8, 8)"),
        ("image", torch.zeros(2, 1, 8, 8), "the input 'image' is (N, 3, H, W), not (2, 1, 8, 8)"),
        ("time", torch.zeros(2), "the input 'time' is (N, 2), not (2,)"),
        ("time", torch.zeros(2, 3), "the input 'time' is (N, 2), not (2, 3)"),
        ("text", torch.zeros(5).long(), "the input 'text' is (N, L), not (5,)"),
    ):
        with pytest.raises(ValueError) as refused:
            module(**given | {name: wrong})
        assert str(refused.value) == message
    with pytest.raises(TypeError) as refused_type:
        module(**given | {"text": torch.zeros(2, 5)})
    assert str(refused_type.value) == (
        "the input 'text' is of ids, which are whole numbers such as int64, not torch.float32"
    )
    with pytest.raises(
        TypeError, match=r"; the inputs are 'image' \(N, 3, 8, 8\), .*'text' \(N, 5\) of ids$"
    ):
        module(given["image"])


def test_a_single_input_without_a_name_is_x_and_a_chain_stays_one() -> None:
    net = GraphMaker()
    x = net.input("x", Vector(2))
    chain = build(net.graph(y=net.layer(op("RELU"), net.layer(op("FC", 3), x))))
    assert isinstance(chain, Chain) and isinstance(chain, nn.Sequential)
    assert (chain.input_names, chain.output_names) == (("x",), ("y",))
    assert chain(x=torch.zeros(1, 2)).shape == (1, 3)
    with pytest.raises(TypeError, match=r"missing 1 required positional argument: 'x'"):
        chain()
    net = GraphMaker()
    x = net.input("x", Vector(2))
    other = build(net.graph(y=net.layer(op("SUM"), x, net.layer(op("FC", 2), x))))
    assert other(x=torch.zeros(1, 2)).shape == (1, 2)
    with pytest.raises(TypeError, match=r"missing 1 required positional argument: 'x'"):
        other()


@every_network
def test_a_shared_module_is_registered_once(name: str) -> None:
    graph = NETWORKS[name]()
    module = build(graph, seed=0)
    owners = {module_name(graph.module_path(layer)) for layer in graph.layers() if not layer.is_input}
    names = {key.rpartition(".")[0] for key in module.state_dict()}
    assert names <= owners
    assert len(list(module.named_parameters())) == len(list(module.named_parameters(remove_duplicate=False)))
    for layer in graph.layers():
        if not layer.is_input:
            first = module.get_submodule(module_path(graph, graph.owner(layer)))
            assert module.get_submodule(module_path(graph, layer)) is first
    copied = pickle.loads(pickle.dumps(copy.deepcopy(module))).double().eval()
    module.double().eval()
    torch.testing.assert_close(copied(*batch(graph)), module(*batch(graph)))
    assert len(copied.state_dict()) == len(module.state_dict())


@every_network
@pytest.mark.parametrize("training", [False, True])
def test_compiled_and_exported(name: str, training: bool) -> None:
    torch._dynamo.reset()
    graph = NETWORKS[name]()
    module, inputs = build(graph, seed=0, dtype=torch.float64).train(training), batch(graph)
    compiled = torch.compile(copy.deepcopy(module), backend="eager", fullgraph=True)
    results = []
    for one in (module, compiled):
        torch.manual_seed(0)
        results.append(one(**{port.name: x for port, x in zip(graph.inputs, inputs, strict=True)}))
    torch.testing.assert_close(tensors(results[1]), tensors(results[0]))
    if not training:
        exported = torch.export.export(module, tuple(inputs)).module()
        torch.testing.assert_close(tensors(exported(*inputs)), tensors(results[0]))


@every_network
def test_hooks_fire_once_an_application_in_order(name: str) -> None:
    graph = NETWORKS[name]()
    module = build(graph, seed=0, dtype=torch.float64).train()
    seen: list[tuple[str, tuple[int, ...]]] = []
    for path in {module_path(graph, layer) for layer in graph.layers() if not layer.is_input}:
        hook = lambda _, inputs, output, path=path: seen.append((path, shape_of(output)))  # noqa: E731
        module.get_submodule(path).register_forward_hook(hook)
    module(*batch(graph))
    wanted = [
        (module_path(graph, layer), tuple(layer.shape)) for layer in graph.layers() if not layer.is_input
    ]
    assert seen == wanted


def shape_of(output: Tensor | tuple[Tensor, ...]) -> tuple[int, ...]:
    first = output if isinstance(output, Tensor) else output[0]
    return tuple(first.shape[1:])


def test_dropout_in_a_shared_network_draws_anew() -> None:
    net = GraphMaker()
    x = net.input("x", Vector(400))
    outputs = {}
    for index in (1, 2):
        layer = net.layer(op("DROPOUT", 0.5), x, path=f"drop[{index}]", shared="drop")
        outputs[f"y{index}"] = layer
    module = build(net.graph(**outputs)).train()
    one, two = module(torch.ones(1, 400))
    assert 100 < (one != two).sum() < 300


def test_a_shared_norm_sees_every_application() -> None:
    module = build(NETWORKS["pyramid"](), seed=0).train()
    module(torch.randn(2, 3, 16, 16))
    assert module.get_submodule("head.bn1").num_batches_tracked == 3


def test_global_drop_path_in_a_shared_network_keeps_one_column() -> None:
    graph = NETWORKS["drop_path"]()
    module = build(graph, seed=0).train()
    seen: list[list[Tensor]] = []
    for name in ("column.mean1", "column3.mean1"):
        module.get_submodule(name).register_forward_hook(lambda _, inputs, y: seen.append([*inputs, y]))
    columns = set()
    for _ in range(30):
        seen.clear()
        module(torch.randn(2, 3, 8, 8))
        assert len(seen) == 3
        draw = seen[0][2]
        assert all(given[2] is draw for given in seen)
        if draw[0] < 0.5:
            column = int(draw[1] * 2)
            columns.add(column)
            for given in seen:
                torch.testing.assert_close(given[3], given[column])
    assert columns == {0, 1}


def test_a_layer_writes_over_its_input_only_where_every_application_allows_it() -> None:
    """The ReLU of the shared network may do so in the first application, not in the second."""

    def network(net: GraphMaker, x: Value) -> tuple[Value, Value]:
        y = net.layer(conv(3), x)
        return y, net.layer(op("RELU"), y)

    for keeps in (False, True):
        net = GraphMaker()
        x = net.input("x", Image(3, 4, 4))
        _, one = net.block("part[1]", network, x, shared="part")
        plain, two = net.block("part[2]", network, one, shared="part")
        graph = net.graph(y=net.layer(op("SUM"), plain, two) if keeps else two)
        module = build(graph, seed=0, dtype=torch.float64)
        assert module.get_submodule("part.relu1").inplace is not keeps
        weight, bias = module.get_submodule("part.conv1").parameters()
        (given,) = batch(graph)
        first = F.conv2d(given, weight, bias, padding=1).relu()
        second = F.conv2d(first, weight, bias, padding=1)
        wanted = second + second.relu() if keeps else second.relu()
        torch.testing.assert_close(module(given), wanted)


def test_a_layer_that_depends_on_its_size_cannot_be_shared_over_sizes() -> None:
    net = GraphMaker()
    x = net.input("x", Image(3, 8, 8))

    def crop(net: GraphMaker, x: Value) -> Value:
        return net.layer(op("CROP", 2), net.layer(conv(3), x))

    one = net.block("part[1]", crop, x, shared="part")
    two = net.block("part[2]", crop, net.layer(op("POOL", 2), x), shared="part")
    with pytest.raises(ArchError) as refused:
        build(net.graph(one=one, two=two))
    said = str(refused.value)
    assert "CROP(2) depends on the size of its input and cannot be shared" in said
    assert "part[1].crop[1] takes 3x8x8, part[2].crop[1] takes 3x4x4" in said
    assert "help: put CROP outside of the shared network" in said
    net = GraphMaker()
    x = net.input("x", Image(3, 8, 8))
    ports = {f"y{i}": net.block(f"part[{i}]", crop, x, shared="part") for i in (1, 2)}
    check_module(graph := net.graph(**ports), build(graph))


@pytest.mark.parametrize("at", ["head", "head[1]", "head[3]", "head2"])
def test_weights_are_drawn_once_by_the_term_of_the_module_or_of_an_application(at: str) -> None:
    graph = NETWORKS["pyramid"]()
    module = build(graph, init=[Normal(std=2.0), Normal(std=0.001, at=(at,))], seed=0)
    small = {n for n, p in module.named_parameters() if n.endswith("weight") and 0 < p.std() < 0.01}
    assert small == {"head.conv1.weight", "head.conv2.weight"}
    with pytest.raises(ArchError, match="no layer or block of `init` is called heads"):
        build(graph, init=Normal(std=1.0, at=("heads",)))


def test_placing_a_shared_network() -> None:
    def on_meta(module: nn.Module) -> set[str]:
        return {name for name, p in module.named_parameters() if p.is_meta}

    shared = {n for n, _ in build(NETWORKS["siamese"]()).named_parameters() if n.startswith("tower.")}
    for name in ("tower", "side[1].tower", "side[2].tower[1]"):
        module = build(NETWORKS["siamese"]())
        assert on_meta(place(module, {name: "meta"})) == shared
    module = build(NETWORKS["siamese"]())
    place(module, {"side[1]": "meta", "tower.unit[1]": "meta", "side[2].tower.unit[1].conv[1]": "cpu"})
    placed = {"side1.bn1", "side1.conv1", "tower.unit1.bn1", "tower.unit1.conv2"}
    assert on_meta(module) == {f"{name}.{tensor}" for name in placed for tensor in ("weight", "bias")}
    with pytest.raises(ArchError) as refused:
        place(build(NETWORKS["siamese"]()), {"side[1].tower": "meta", "side[2].tower": "cpu"})
    assert "side[1].tower and side[2].tower have their weights in one module" in str(refused.value)
    with pytest.raises(ArchError, match="no part of the network is called left"):
        place(build(NETWORKS["siamese"]()), {"left": "cpu"})


def test_a_placed_network_with_several_inputs_runs() -> None:
    """Everything is on one device, so that the hooks move nothing, and change nothing."""
    graph = NETWORKS["siamese"]()
    module = build(graph, seed=0, dtype=torch.float64).eval()
    wanted = module(*batch(graph))
    torch.testing.assert_close(place(module, {"tower": "cpu", "side[1]": "cpu"})(*batch(graph)), wanted)


def test_ids_are_whole_numbers() -> None:
    with lookup() as table:
        net = GraphMaker()
        words, image = net.input("words", Ids(4)), net.input("image", Vector(2))
        graph = net.graph(rows=net.layer(table, words), image=image, words=words)
        for dtype in (torch.float32, torch.float64):
            check_module(graph, build(graph, dtype=dtype))


def test_check_module_holds_every_output_and_names_the_application() -> None:
    graph = NETWORKS["pyramid"]()
    module = build(graph)
    module.get_submodule("head").add_module("conv2", nn.Conv2d(4, 2, 1, stride=2))
    with pytest.raises(
        ArchError, match=r"the module of CONV\(2,1\) yields 2x4x4, its declaration says 2x8x8"
    ):
        check_module(graph, module)


def test_a_shared_network_in_deep_blocks() -> None:
    """Deeper blocks than modules may be nested call a shared network as others do."""

    def nested(depth: int) -> object:
        def network(net: GraphMaker, x: Value) -> Value:
            if depth == 0:
                return net.block("head[1]", unit, x, shared="deep")
            return net.layer(op("TANH"), net.block("b[1]", nested(depth - 1), x))

        return network

    net = GraphMaker()
    x = net.input("x", Image(4, 4, 4))
    y = net.block("top[1]", nested(70), net.block("top[0]", unit, x, shared="deep"))
    graph = net.graph(y=net.block("last[1]", nested(2), y))
    module = build(graph, seed=0, dtype=torch.float64).eval()
    check_module(graph, module)
    deep = module.get_submodule("deep")
    (given,) = batch(graph)
    wanted = deep(given)
    for depth in (70, 2):
        wanted = deep(wanted)
        for _ in range(depth):
            wanted = wanted.tanh()
    torch.testing.assert_close(module(given), wanted)
    assert {key.partition(".")[0] for key in module.state_dict()} == {"deep"}


def interpreted(graph: Graph, module: nn.Module, inputs: list[Tensor]) -> list[Tensor]:
    """What a graph of random operations says, layer by layer, with functions; buffers are updated."""
    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    values = {port.value: x for port, x in zip(graph.inputs, inputs, strict=True)}
    for layer in graph.layers():
        if layer.is_input or (layer.training_only and not module.training):
            continue
        own = module_name(graph.module_path(layer))
        xs, arguments = [values[value] for value in layer.inputs], vars_of(layer.operation)
        match layer.operation.name:
            case "CONV":
                y = F.conv2d(
                    xs[0], state[f"{own}.weight"], state.get(f"{own}.bias"), padding=arguments["pad"]
                )
            case "BN":
                mean, var = state[f"{own}.running_mean"], state[f"{own}.running_var"]
                weight, bias = state[f"{own}.weight"], state[f"{own}.bias"]
                y = F.batch_norm(xs[0], mean, var, weight, bias, training=module.training)
                state[f"{own}.num_batches_tracked"] += module.training
            case "RELU":
                y = xs[0].clamp(min=0)
            case "TANH":
                y = xs[0].tanh()
            case "SCALE":
                y = xs[0] / 2
            case "POOL":
                y = F.max_pool2d(xs[0], 3, 1, 1)
            case "SUM":
                y = torch.stack(xs).sum(0)
            case "MUL":
                y = torch.stack(xs).prod(0)
            case "MAX":
                y = torch.stack(xs).amax(0)
            case "CAT":
                y = torch.cat(xs, 1)
            case _:
                raise AssertionError(layer.operation)
        values[Value(layer.id)] = y
    results = graph.results() if module.training else [port.value for port in graph.outputs]
    return [values[value] for value in results]


def vars_of(operation: Operation) -> dict[str, object]:
    return {name: getattr(operation, name) for name in operation.arguments}


class Interpreter(nn.Module):
    """A graph as a module, with the weights of the built one."""

    def __init__(self, graph: Graph, built: nn.Module) -> None:
        super().__init__()
        self.graph, self.built = graph, copy.deepcopy(built)

    def named_parameters(self, *args: object, **named: object):  # type: ignore[no-untyped-def, override]
        return self.built.named_parameters()

    def named_buffers(self, *args: object, **named: object):  # type: ignore[no-untyped-def, override]
        return self.built.named_buffers()

    def forward(self, *inputs: Tensor) -> list[Tensor]:
        return interpreted(self.graph, self.built, list(inputs))


@settings(max_examples=60)
@given(graph=graphs.graphs())
def test_any_network_is_what_its_graph_says(graph: Graph) -> None:
    built = build(graph, seed=0, dtype=torch.float64)
    check_module(graph, copy.deepcopy(built))
    for training in (False, True):
        interpreter = Interpreter(graph, built)
        same_computation(built, interpreter, batch(graph), training=training)
