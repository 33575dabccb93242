"""The Python API: load, parse, look, build."""

import copy
import html
import operator
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import networkx as nx
import pytest
import torch
from safetensors.torch import load_file

import blockdsl
from blockdsl.cli import run
from blockdsl.export.graph_json import node_link
from blockdsl.training.start import layers_until
from blockdsl.verifier import verify


def test_a_name_of_the_zoo_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert blockdsl.load("alexnet.arch").title == blockdsl.load("alexnet").title == "AlexNet"
    (tmp_path / "alexnet.arch").write_text('title "Mine"\ninput 4\nnet FC(2)')
    assert blockdsl.load("alexnet.arch").title == "Mine"
    assert blockdsl.load(tmp_path / "alexnet.arch").title == "Mine"


def test_the_graph_is_networkx() -> None:
    graph = blockdsl.parse("CONV(4,3)-RELU", input=(3, 8, 8)).graph
    assert isinstance(graph, nx.MultiDiGraph)
    assert nx.is_directed_acyclic_graph(graph)
    assert [data["op"] for _, data in graph.nodes(data=True)] == ["INPUT", "CONV", "RELU"]


def test_shapes_are_without_the_batch_axis() -> None:
    network = blockdsl.parse("CONV(4,3)-FLATTEN-FC(7)", input=(3, 8, 8))
    assert network.input_shape == (3, 8, 8)
    assert network.output_shape == (7,)
    assert network.module()(torch.zeros(5, 3, 8, 8)).shape == (5, 7)


def test_settings_and_input_change_the_network() -> None:
    text = "input 1x8x8\nparam classes = 10\nnet FLATTEN-FC(classes)"
    assert blockdsl.parse(text, settings={"classes": 3}).output_shape == (3,)
    assert blockdsl.parse(text, settings={"classes": "1+2"}).output_shape == (3,)
    assert blockdsl.parse(text, input=(1, 4, 4)).summary().params == 16 * 10 + 10


def test_module_takes_device_type_and_seed() -> None:
    network = blockdsl.load("lenet5")
    module = network.module(device="meta", dtype=torch.float64)
    assert {(p.device.type, p.dtype) for p in module.parameters()} == {("meta", torch.float64)}
    first, second = (network.module(seed=3).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_the_module_is_not_built_of_a_file_whose_checks_fail() -> None:
    network = blockdsl.parse("input 4\nnet FC(2)\ncheck params == 1")
    assert network.summary().params == 10
    with pytest.raises(blockdsl.ArchError, match="params is 10, not 1"):
        network.module()


def test_export_writes_what_the_command_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.arch").write_text("input 1x8x8\nnet CONV(4,3)-RELU-GAP-FC(3)")
    net = blockdsl.load("net.arch")
    model = net.module(seed=3)
    net.export("a.py", Path("a.safetensors"), "a.json", module=model)
    assert (
        run(["compile", "net.arch", "-o", "b.py", "-o", "b.safetensors", "-o", "b.json", "--seed", "3"]) == 0
    )
    for kind in ("py", "json"):
        assert Path(f"a.{kind}").read_bytes() == Path(f"b.{kind}").read_bytes()
    # safetensors writes its metadata in another order from run to run.
    one, two = load_file("a.safetensors"), load_file("b.safetensors")
    assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
    again = net.module(weights="a.safetensors").state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in model.state_dict().items())


def test_export_refuses_before_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    net = blockdsl.parse("input 4 net FC(2)")
    other = blockdsl.parse("input 4 net FC(3)").module()
    for paths, module, said in [
        (("a.json", "a.txt"), None, "cannot write a.txt: .txt is no kind of output"),
        (("a.json", "missing/a.py"), None, "missing"),
        (("a.json",), other, "fc1.weight is (2, 4) in the network, (3, 4) in it"),
        (("a.json", "a.safetensors"), net.module(device="meta"), "cannot write weights"),
    ]:
        with pytest.raises(blockdsl.ArchError, match=re.escape(said)):
            net.export(*paths, module=module)
    assert not list(tmp_path.iterdir())


def test_the_difference_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    one, two = blockdsl.load("resnet34"), blockdsl.load("resnet50")
    difference = one.diff(two)
    assert run(["diff", "resnet34", "resnet50"]) == 0
    printed = capsys.readouterr().out.rstrip().rpartition("\n\n")
    assert str(difference).rpartition("\n\n")[0] == printed[0]
    assert difference.is_long and len(difference.every) > len(difference.changes)
    assert not one.diff(blockdsl.load("resnet34"))
    assert str(one.diff(one)).endswith("\nthe same network")


def test_a_short_description() -> None:
    network = blockdsl.parse('title "T"\ninput 4\nnet FC(2)')
    assert repr(network) == "<T: 4 -> 2, 10 parameters, 8 MACs>"


def test_a_notebook_shows_the_picture_and_the_table() -> None:
    network = blockdsl.parse('title "T"\ninput 4\nnet FC(2)')
    shown = network._repr_html_()
    assert shown.startswith("<svg")
    assert shown.endswith(network.summary()._repr_html_())


def test_an_operation_of_ones_own_from_python_to_the_table() -> None:
    from blockdsl.ops import Shape, unregister

    @blockdsl.operation("DOUBLED")
    class Doubled(blockdsl.Operation):
        """Twice the input, times a weight."""

        def weights(self, *inputs: Shape) -> dict[str, Shape]:
            return {"weight": (1,)}

        def spec(self, *inputs: Shape) -> blockdsl.ModuleSpec:
            return blockdsl.ModuleSpec("blockdsl.layers.scale:LayerScale", channels=1, init=2.0)

    try:
        network = blockdsl.parse("DOUBLED*2", input=(3,))
        assert network.summary().params == 2
        assert network.module()(torch.ones(1, 3)).tolist() == [[4.0, 4.0, 4.0]]
    finally:
        unregister("DOUBLED")


REGISTERED = """
import blockdsl
from blockdsl import Operation, operation

@operation("AGAIN")
class Again(Operation):
    factor: int = {default}

    def macs(self, *inputs):
        return self.factor
"""


def cell(default: int, module: str = "__main__") -> None:
    """Run a notebook's cell that registers an operation."""
    exec(REGISTERED.format(default=default), {"__name__": module})


def test_a_cell_that_registers_an_operation_can_be_run_again() -> None:
    from blockdsl.ops import unregister

    try:
        cell(2)
        before = blockdsl.parse("AGAIN*3", input=(4,))
        cell(5)
        after = blockdsl.parse("AGAIN*3", input=(4,))
        assert before.program.graph.layer(1).operation.macs((4,)) == 2
        assert after.summary().macs == 15
        # What was made before the cell ran again is as it was.
        assert before.summary().macs == 6
        verify(before.ir)
        with pytest.raises(ValueError, match=r"AGAIN exists: __main__\.Again; give this one another name"):
            cell(7, module="elsewhere")
        assert blockdsl.parse("AGAIN", input=(4,)).summary().macs == 5
    finally:
        unregister("AGAIN")


def test_an_operation_of_the_language_is_never_replaced() -> None:
    with pytest.raises(ValueError, match=r"RELU exists: blockdsl\.ops\.activation\.ReLU"):

        @blockdsl.operation("RELU")
        class Relu(blockdsl.Operation):
            """Another module's."""


def test_a_class_of_another_name_does_not_take_an_operations_place() -> None:
    from blockdsl.ops import unregister

    try:
        cell(2)
        other = REGISTERED.format(default=1).replace("class Again", "class Other")
        with pytest.raises(ValueError, match=r"AGAIN exists: __main__\.Again"):
            exec(other, {"__name__": "__main__"})
    finally:
        unregister("AGAIN")


CHANGES: dict[str, Callable[[nx.MultiDiGraph], object]] = {
    "add a node": lambda g: g.add_node(99),
    "add an edge": lambda g: g.add_edge(0, 2),
    "remove a node": lambda g: g.remove_node(1),
    "remove an edge": lambda g: g.remove_edge(0, 1),
    "clear": lambda g: g.clear(),
    "update": lambda g: g.update(edges=[(0, 2)]),
    "relabel": lambda g: nx.relabel_nodes(g, {1: 7}, copy=False),
    "a node's attribute": lambda g: g.nodes[1].__setitem__("op", "FC"),
    "another attribute of a node": lambda g: g.nodes[1].update(colour="red"),
    "an attribute of all nodes": lambda g: nx.set_node_attributes(g, "red", "colour"),
    "remove an attribute": lambda g: g.nodes[1].pop("op"),
    "an argument": lambda g: g.nodes[1]["args"].__setitem__("channels", 8),
    "an edge's attribute": lambda g: g.edges[0, 1, 0].__setitem__("port", 1),
    "an edge's attribute, by its source": lambda g: g[0][1][0].__setitem__("port", 1),
    "an edge's attribute, by its target": lambda g: g.pred[1][0][0].clear(),
    "an attribute of all edges": lambda g: nx.set_edge_attributes(g, 3, "port"),
    "an attribute of the graph": lambda g: g.graph.setdefault("name", "mine"),
    "merge attributes": lambda g: operator.ior(g.nodes[1], {"op": "FC"}),
    "a layer": lambda g: setattr(g.nodes[1]["layer"], "id", 7),
    "an operation": lambda g: setattr(g.nodes[1]["layer"].operation, "channels", 7),
    "a block's argument": lambda g: g.nodes[1]["layer"].call.args.pop("c"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_graph_cannot_be_changed(change: str) -> None:
    network = blockdsl.parse("block unit(c) = CONV(c,3)-RELU\nnet unit(4)", input=(3, 8, 8))
    before = copy.deepcopy(dict(network.graph.nodes(data=True))), list(network.graph.edges(data=True))
    with pytest.raises((nx.NetworkXError, TypeError, AttributeError)):
        CHANGES[change](network.graph)
    assert (dict(network.graph.nodes(data=True)), list(network.graph.edges(data=True))) == before
    assert network.graph.nodes[1]["op"] == "CONV"


@pytest.mark.parametrize("change", [c for c in CHANGES if c.split()[-1] not in ("layer", "operation")])
def test_a_copy_of_the_graph_is_free_to_change(change: str) -> None:
    network = blockdsl.parse("CONV(4,3)-RELU-RELU", input=(3, 8, 8))
    if change != "a block's argument":
        CHANGES[change](network.graph.copy())
    assert network.graph.nodes[1]["args"]["channels"] == 4
    assert sorted(network.graph.edges(data="port")) == [(0, 1, 0), (1, 2, 0), (2, 3, 0)]


def test_the_graph_is_what_networkx_and_pickle_take() -> None:
    graph = blockdsl.load("googlenet").graph
    assert nx.is_frozen(graph)
    assert nx.is_frozen(pickle.loads(pickle.dumps(graph)))
    assert nx.utils.graphs_equal(pickle.loads(pickle.dumps(graph)), graph)
    assert nx.utils.graphs_equal(graph.copy(), graph)
    assert not nx.is_frozen(graph.copy())
    assert len(nx.dag_longest_path(graph)) > 60
    assert nx.MultiDiGraph(graph).number_of_edges() == graph.number_of_edges()


def test_the_library_reads_the_graph_and_never_changes_it(tmp_path: Path) -> None:
    network = blockdsl.load("lenet5")
    graph = network.graph
    module = network.module()
    network.summary(), network.check(), network.picture("dot")
    node_link(network.ir)
    blockdsl.dense(network, input=(1, 40, 40))
    assert layers_until(network.ir, "pool[1]")[-1] == "pool1"
    assert pickle.loads(pickle.dumps(module)) is not None
    assert network.graph is graph
    assert [data["op"] for _, data in graph.nodes(data=True)] == [
        layer.operation.name for layer in network.ir.layers()
    ]


def test_a_picture_is_bytes_and_a_notebook_shows_it(tmp_path: Path) -> None:
    network = blockdsl.load("lenet5")
    drawn = {kind: network.picture(kind) for kind in ("svg", "png", "pdf", "dot", "html")}
    begins = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph", "html": b"<!doctype"}
    for kind, picture in drawn.items():
        assert isinstance(picture, bytes)
        assert picture.startswith(begins[kind])
        assert picture.data == picture and type(picture.data) is bytes
        assert repr(picture) == f"<picture: {kind}, {len(picture):,} bytes>"
        shown = {k: getattr(picture, f"_repr_{k}_")() for k in ("svg", "png", "pdf", "html")}
        assert {k for k, text in shown.items() if text is not None} == {kind} - {"dot"}
        again = pickle.loads(pickle.dumps(picture))
        assert (again, again.kind, again.said) == (picture, kind, picture.said)
    svg = drawn["svg"]._repr_svg_()
    assert ElementTree.fromstring(svg).tag.endswith("svg") and svg.startswith("<svg")
    (frame,) = re.findall(r'srcdoc="([^"]*)"', drawn["html"]._repr_html_())
    assert html.unescape(frame).encode() == drawn["html"]


def test_a_picture_is_saved_under_a_name_of_its_kind(tmp_path: Path) -> None:
    picture = blockdsl.load("lenet5").picture()
    assert picture.save(tmp_path / "net.svg").read_bytes() == picture
    assert picture.save(str(tmp_path / "net.svg")) == tmp_path / "net.svg"
    for name, word in (("net.png", 'net.picture("png")'), ("net", "end the name in .svg")):
        with pytest.raises(blockdsl.ArchError) as refused:
            picture.save(tmp_path / name)
        assert word in str(refused.value)
    assert [file.name for file in tmp_path.iterdir()] == ["net.svg"]


def test_the_package_lists_its_public_names() -> None:
    assert dir(blockdsl) == sorted(blockdsl.__all__)
    for name in dir(blockdsl):
        assert getattr(blockdsl, name).__doc__
    assert dir(blockdsl) == sorted(blockdsl.__all__)  # also once they are loaded


def test_a_name_that_the_package_does_not_have() -> None:
    with pytest.raises(AttributeError, match="no attribute 'compile'"):
        blockdsl.compile  # type: ignore[attr-defined]  # noqa: B018


def test_an_export_does_not_replace_what_the_network_was_read_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = "input 3x8x8\nnet CONV(4,3)-RELU\n"
    Path("sub").mkdir()
    Path("sub/x.arch").write_text(text)
    Path("net.py").symlink_to("sub/x.arch")
    with pytest.raises(blockdsl.ArchError, match=r"net\.py"):
        blockdsl.load("sub/x.arch").export("net.py")
    assert Path("sub/x.arch").read_text() == text
