"""Networks with several inputs and outputs and with shared weights, in every kind of file."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import networkx as nx
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from safetensors.torch import load_file
from torch import Tensor, nn

from blockdsl.codegen import build, module_path
from blockdsl.diagnostics import ArchError
from blockdsl.export.graph_json import write_json
from blockdsl.export.python import python_source
from blockdsl.export.traced import write_onnx, write_pt2
from blockdsl.export.writers import export
from blockdsl.ir import Graph
from blockdsl.ops import Ids, Image, ModuleSpec, Operation, Shape, Tokens, Vector, operation, unregister
from tests import graphs
from tests.by_hand import by_hand, same_computation, tensors
from tests.export.running import network, program_of
from tests.graphs import NETWORKS, GraphMaker, conv, lookup, op

every_network = pytest.mark.parametrize("name", NETWORKS)
FIRST = ("two_inputs", "shared_in_shared", "several_outputs", "output_is_input", "auxiliary")
"""What `make test` traces; the others are for `make test-long`."""
traced = pytest.mark.parametrize(
    "name", [*FIRST, *(pytest.param(name, marks=pytest.mark.long) for name in NETWORKS if name not in FIRST)]
)


def batch(graph: Graph, n: int = 3, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = (graph.shape_of(port.value) for port in graph.inputs)
    return [torch.randn(n, *shape, generator=generator, dtype=dtype) for shape in shapes]


def written(graph: Graph) -> tuple[nn.Module, nn.Module, str]:
    """The built module, the one of the written file with the same weights, and the file."""
    source = python_source(program_of(graph))
    ours, theirs = build(graph, seed=0, dtype=torch.float64), network(source).double()
    assert list(ours.state_dict()) == list(theirs.state_dict()), source
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs, source


@every_network
def test_written_python_is_what_a_person_writes(name: str) -> None:
    graph = NETWORKS[name]()
    for training in (False, True):
        ours, theirs, _ = written(graph)
        same_computation(theirs, ours, batch(graph), training=training)
        if not (training and name == "drop_path"):
            same_computation(theirs, by_hand(name, ours.state_dict()), batch(graph), training=training)


@every_network
def test_written_python_takes_and_returns_what_the_module_does(name: str) -> None:
    graph = NETWORKS[name]()
    ours, theirs, source = written(graph)
    signature = inspect.signature(theirs.forward)
    assert list(signature.parameters) == [port.name for port in graph.inputs]
    assert {p.annotation for p in signature.parameters.values()} <= {"Tensor", inspect.Parameter.empty}
    for training in (False, True):
        torch.manual_seed(0)
        found = theirs.train(training)(*batch(graph))
        torch.manual_seed(0)
        wanted = ours.train(training)(*batch(graph))
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)
    docstring = " ".join((type(theirs).__doc__ or "").split())
    for ports in (graph.inputs, graph.outputs):
        for port in ports:
            shape = f"(N, {', '.join(map(str, graph.shape_of(port.value)))})"
            assert (f"{port.name} {shape}" if len(ports) > 1 else shape) in docstring, source


def test_written_python_is_formatted(tmp_path: Path) -> None:
    for name, make in NETWORKS.items():
        (tmp_path / f"{name}.py").write_text(python_source(program_of(make())))
    ruff = [sys.executable, "-m", "ruff"]
    options = ["--isolated", "--line-length=100", "."]
    subprocess.run([*ruff, "format", "--check", *options], check=True, cwd=tmp_path)
    subprocess.run([*ruff, "check", "--select=F,I,UP,B,W", *options], check=True, cwd=tmp_path)


def test_a_shared_network_is_made_once_and_handed_on() -> None:
    source = python_source(program_of(NETWORKS["siamese"]()))
    assert source.count(" = Tower()") == 1
    assert "def forward(self, x: Tensor, tower: nn.Module) -> Tensor:" in source
    assert "return self.conv1(tower(self.bn1(x)))" in source
    assert "self.side1(left, self.tower) + self.side2(right, self.tower)" in source
    source = python_source(program_of(NETWORKS["pyramid"]()))
    assert "def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:" in source
    assert "return self.head(x), self.head(y), self.head(z)" in source


def test_blocks_that_are_handed_different_networks_are_one_class() -> None:
    net = GraphMaker()
    x = net.input("x", Image(3, 8, 8))
    apply = {
        owner: lambda net, x, owner=owner: net.layer(
            op("TANH"), net.layer(conv(3), x, path="one[1]", shared=owner)
        )
        for owner in ("left", "right")
    }
    for index, owner in enumerate(("left", "right", "left"), 1):
        x = net.block(f"stage[{index}]", apply[owner], x)
    ours, theirs, source = written(net.graph(y=x))
    assert source.count("class Stage") == 1
    same_computation(theirs, ours, [torch.randn(2, 3, 8, 8).double()], training=True)


def test_shared_networks_are_called_in_the_order_of_the_graph() -> None:
    """A norm keeps the statistics of the last batch longest: outputs in another order change nothing."""
    net = GraphMaker()
    x = net.input("x", Image(4, 4, 4))
    one = net.block("head[1]", graphs.head, x, shared="head")
    two = net.block("head[2]", graphs.head, net.layer(op("SCALE", 0.1), x), shared="head")
    ours, theirs, _ = written(net.graph(b=two, a=one))
    same_computation(theirs, ours, [torch.randn(2, 4, 4, 4).double()], training=True)


HOSTILE = [
    ("class", "class_", "self"),
    ("torch", "nn", "F"),
    ("module", "name", "i"),
    ("input", "print", "Tensor"),
    ("draw", "x", "y"),
    ("Net", "forward", "training"),
    ("outputs", "a", "b"),
    ("device", "inf", "pytree"),
    ("__init__", "_", "match"),
]


@pytest.mark.parametrize("names", HOSTILE, ids=" ".join)
def test_inputs_with_names_that_mean_something_else(names: tuple[str, ...], tmp_path: Path) -> None:
    net = GraphMaker()
    values = [net.input(name, Image(3, 4, 4)) for name in names]
    one = net.layer(op("RELU"), net.layer(conv(3), net.layer(op("SUM"), values[0], values[1])))
    two = net.block("column[1]", graphs.column, net.layer(conv(4), values[2]))
    graph = net.graph(**{"y": one, f"{names[0]}2": two, "kept": values[1]})
    ours, theirs, _ = written(graph)
    same_computation(theirs, ours, batch(graph), training=True)
    parameters = list(inspect.signature(theirs.forward).parameters)
    assert all(p.startswith(n.strip("_")) for p, n in zip(parameters, names, strict=True))
    ours.eval()
    if "self" not in names:  # which `nn.Module.__call__` takes for itself
        by_name = ours(**dict(zip(names, batch(graph), strict=True)))
        torch.testing.assert_close(by_name, ours(*batch(graph)))
    write_pt2(graph, ours, tmp_path / "net.pt2")
    found = torch.export.load(tmp_path / "net.pt2").module()(*batch(graph))
    torch.testing.assert_close(found, ours(*batch(graph)))
    if "y" in names:
        with pytest.raises(ArchError, match="an input and an output are called y"):
            write_onnx(graph, ours.float(), tmp_path / "net.onnx")
    else:
        write_onnx(graph, ours.float(), tmp_path / "net.onnx")
        hold_onnx(tmp_path / "net.onnx", graph, ours)


def hold_onnx(file: Path, graph: Graph, exact: nn.Module) -> None:
    """Names, and outputs for two batch sizes, beside a module in float64."""
    onnx.checker.check_model(file, full_check=True)
    session = onnxruntime.InferenceSession(file)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    assert [i.name for i in inputs] == [port.name for port in graph.inputs]
    assert [o.name for o in outputs] == [port.name for port in graph.outputs]
    assert len({i.shape[0] for i in inputs}) == 1 and isinstance(inputs[0].shape[0], str)
    for count in (1, 4):
        xs = batch(graph, count, torch.float32)
        found = session.run(None, {port.name: x.numpy() for port, x in zip(graph.inputs, xs, strict=True)})
        wanted = tensors(exact.double().eval()(*[x.double() for x in xs]))
        for ours, theirs in zip(found, wanted, strict=True):
            scale = max(1.0, theirs.abs().max().item())
            assert np.abs(ours - theirs.detach().numpy()).max() < 2e-6 * scale


@traced
def test_traced_files_are_what_a_person_writes(name: str, tmp_path: Path) -> None:
    graph = NETWORKS[name]()
    module = build(graph, seed=0, dtype=torch.float64)
    exact = by_hand(name, module.state_dict()).eval()
    write_pt2(graph, module, tmp_path / "net.pt2")
    program = torch.export.load(tmp_path / "net.pt2")
    assert program.graph_signature.user_inputs == tuple(port.name for port in graph.inputs)
    assert set(program.state_dict) == set(module.state_dict())
    for count in (1, 4):
        xs = batch(graph, count)
        torch.testing.assert_close(program.module()(*xs), exact(*xs), rtol=1e-9, atol=1e-9)
    write_onnx(graph, module.float(), tmp_path / "net.onnx")
    hold_onnx(tmp_path / "net.onnx", graph, exact)
    assert "forward" not in vars(module)


def test_a_batch_is_one_for_all_inputs(tmp_path: Path) -> None:
    graph = NETWORKS["two_inputs"]()
    write_pt2(graph, build(graph), tmp_path / "net.pt2")
    program = torch.export.load(tmp_path / "net.pt2").module()
    with pytest.raises((AssertionError, RuntimeError)):
        program(torch.zeros(2, 3, 8, 8), torch.zeros(3, 5))


def test_names_in_onnx_are_those_of_the_ports_alone(tmp_path: Path) -> None:
    """Inputs and outputs called as values inside of the file, or as each other's would be."""
    net = GraphMaker()
    x, y = net.input("relu", Image(3, 4, 4)), net.input("conv2d", Image(3, 4, 4))
    one, two = (net.layer(op("RELU"), net.layer(conv(4), value)) for value in (x, y))
    both = net.layer(op("SUM"), one, two)
    graph = net.graph(add=net.layer(conv(3), both), relu_1=both, conv2d_1=x)
    module = build(graph, seed=0)
    write_onnx(graph, module, tmp_path / "net.onnx")
    hold_onnx(tmp_path / "net.onnx", graph, module)


def test_the_layer_that_cannot_be_traced_is_named_in_a_network_of_several_inputs(tmp_path: Path) -> None:
    class Branching(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.sum() > 0 else -x

    @operation("BRANCHES")
    class BranchesOp(Operation):
        """Depends on its input's values."""

        def spec(self, *inputs: Shape) -> ModuleSpec:
            return ModuleSpec(Branching)

    try:
        net = GraphMaker()
        one, two = net.input("one", Vector(3)), net.input("two", Vector(3))
        y = net.layer(op("SUM"), net.layer(op("FC", 3), one), net.layer(BranchesOp(), two))
        graph = net.graph(y=y, z=one)
        for kind, write in (("pt2", write_pt2), ("onnx", write_onnx)):
            with pytest.raises(ArchError, match=f"BRANCHES cannot be written as {kind}"):
                write(graph, build(graph), tmp_path / "net")
    finally:
        unregister("BRANCHES")


@every_network
def test_safetensors_have_a_shared_tensor_once(name: str, tmp_path: Path) -> None:
    graph = NETWORKS[name]()
    module = build(graph, seed=0)
    export(program_of(graph), module, [tmp_path / "net.safetensors"])
    state = load_file(tmp_path / "net.safetensors")
    assert state.keys() == module.state_dict().keys()
    other = build(graph, seed=1)
    other.load_state_dict(state)
    torch.testing.assert_close(other.state_dict(), module.state_dict())
    by_hand(name, {key: value.double() for key, value in state.items()})


@every_network
def test_json_tells_ports_layouts_and_shared_modules(name: str, tmp_path: Path) -> None:
    graph = NETWORKS[name]()
    write_json(graph, "", tmp_path / "net.json")
    data = json.loads((tmp_path / "net.json").read_text())
    about = data["graph"]
    assert set(about) == {"title", "inputs", "outputs", "auxiliaries", "shared", "ties"}
    read = nx.node_link_graph(data, edges="edges")
    state = build(graph).state_dict()
    for kind in ("inputs", "outputs", "auxiliaries"):
        ports = getattr(graph, kind)
        assert [port["name"] for port in about[kind]] == [port.name for port in ports]
        for port in about[kind]:
            node = read.nodes[port["node"]]
            assert node["shapes"][port["port"]] == port["shape"]
            assert node["layouts"][port["port"]] == port["layout"]
    for port in about["inputs"]:
        assert not read.in_edges(port["node"]) and read.nodes[port["node"]]["module"] is None
    modules = {node["module"] for _, node in read.nodes(data=True)}
    assert {key.rpartition(".")[0] for key in state} <= modules
    inside = {entry["module"] for entry in about["shared"]}
    for entry in about["shared"]:
        nodes = [n for _, n in read.nodes(data=True) if f"{n['path']}.".startswith(f"{entry['path']}.")]
        assert nodes
        for node in nodes:
            assert any(node["module"] == owner or node["module"].startswith(f"{owner}.") for owner in inside)
    for layer in graph.layers():
        if not layer.is_input:
            assert read.nodes[layer.id]["module"] == module_path(graph, layer)


def test_ids_in_python_pt2_and_onnx(tmp_path: Path) -> None:
    with lookup() as table:
        net = GraphMaker()
        words, more = net.input("words", Ids(4)), net.input("more", Tokens(4, 3))
        graph = net.graph(rows=net.layer(op("SUM"), net.layer(table, words), more), sum=more)
        ours, theirs, source = written(graph)
        given = torch.tensor([[0, 1, 2, 4], [4, 4, 3, 0], [1, 1, 1, 1]]), torch.randn(3, 4, 3).double()
        same_computation(theirs, ours, list(given), training=True)
        weight = ours.state_dict()["lookup1.weight"]
        torch.testing.assert_close(theirs(*given)[0], weight[given[0]] + given[1])
        assert '"""words (N, 4) whole numbers, more (N, 4, 3) -> rows (N, 4, 3), sum (N, 4, 3)."""' in source
        write_pt2(graph, ours, tmp_path / "net.pt2")
        found = torch.export.load(tmp_path / "net.pt2").module()(*given)
        torch.testing.assert_close(found, ours(*given))
        write_onnx(graph, ours.float(), tmp_path / "net.onnx")
        session = onnxruntime.InferenceSession(tmp_path / "net.onnx")
        rows, _ = session.run(None, {"words": given[0].numpy(), "more": given[1].float().numpy()})
        torch.testing.assert_close(torch.from_numpy(rows), (weight[given[0]] + given[1]).float())


@settings(max_examples=60)
@given(graph=graphs.graphs())
def test_any_network_as_python(graph: Graph) -> None:
    for training in (False, True):
        ours, theirs, _ = written(graph)
        same_computation(theirs, ours, batch(graph), training=training)


@pytest.mark.long
@settings(max_examples=25)
@given(graph=graphs.graphs())
def test_any_network_traced(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("traced")
    module = build(graph, seed=0, dtype=torch.float64).eval()
    write_pt2(graph, module, folder / "net.pt2")
    found = torch.export.load(folder / "net.pt2").module()(*batch(graph))
    torch.testing.assert_close(found, module(*batch(graph)), rtol=1e-9, atol=1e-9)
    write_onnx(graph, module.float(), folder / "net.onnx")
    onnx.checker.check_model(folder / "net.onnx", full_check=True)


@pytest.mark.parametrize("at", ["head", "head[2]"])
def test_weights_of_a_shared_network_begin_as_the_builder_draws_them(at: str) -> None:
    graph = NETWORKS["pyramid"]()
    text = f'input 4 net FC(2)\ntrain\n    init = normal(std=1) + normal(std=0.001, at="{at}")'
    program = program_of(graph, text)
    for module in (build(graph, init=program.recipe.init, seed=0), network(python_source(program))):
        spread = {n: p.std().item() for n, p in module.named_parameters() if "conv" in n and "weight" in n}
        assert {name for name, std in spread.items() if std < 0.01} == {
            "head.conv1.weight",
            "head.conv2.weight",
        }
        assert all(0.5 < std < 2 for name, std in spread.items() if not name.startswith("head."))
