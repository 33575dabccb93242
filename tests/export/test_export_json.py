"""net.json: read by networkx alone, the same graph."""

import json
from pathlib import Path

import networkx as nx
import pytest

import blockdsl
from blockdsl.export.graph_json import write_json
from blockdsl.ir import path_text
from blockdsl.resources import names
from tests.families import split

NAMES = names("zoo")


@pytest.mark.parametrize("name", split(NAMES))
def test_zoo_as_json(name: str, tmp_path: Path) -> None:
    net = blockdsl.load(name)
    write_json(net.ir, net.title, tmp_path / "net.json")
    data = json.loads((tmp_path / "net.json").read_text(encoding="utf-8"))
    graph = nx.node_link_graph(data, edges="edges")
    assert nx.utils.edges_equal(graph.edges(data=True), net.graph.edges(data=True), directed=True)
    for node, attributes in net.graph.nodes(data=True):
        found = graph.nodes[node]
        assert found["op"] == attributes["op"]
        assert found["args"] == json.loads(json.dumps(attributes["args"]))
        assert tuple(found["shape"]) == attributes["shape"]
        assert found["path"] == attributes["path"]
        assert f"{found['file']}:{found['line']}:{found['column']}" == str(attributes["span"])
        layouts = [type(shape).__name__.lower() for shape in net.ir.layer(node).shapes]
        assert found["layouts"] == layouts
    assert graph.graph["inputs"] == [
        {
            "name": name,
            "node": node,
            "port": 0,
            "shape": list(shape),
            "layout": graph.nodes[node]["layouts"][0],
        }
        for node, (name, shape) in enumerate(net.inputs.items())
    ]
    assert {port["name"]: tuple(port["shape"]) for port in graph.graph["outputs"]} == net.outputs
    for output in graph.graph["outputs"]:
        assert output["shape"] == graph.nodes[output["node"]]["shapes"][output["port"]]
    applied = [part["path"] for part in graph.graph["shared"]]
    assert applied == list(map(path_text, net.ir.shared))
    assert graph.graph["title"] == net.title


@pytest.mark.parametrize("name", ["alexnet", "resnet50", "shufflenet_v2"])
def test_macs_can_be_counted_from_it(name: str, tmp_path: Path) -> None:
    """Convolutions and matrices, counted from the file's words alone."""
    net = blockdsl.load(name)
    write_json(net.ir, net.title, tmp_path / "net.json")
    graph = nx.node_link_graph(json.loads((tmp_path / "net.json").read_text()), edges="edges")
    macs = 0
    for node, layer in graph.nodes(data=True):
        if layer["op"] in ("CONV", "DWCONV", "FC"):
            ((source, _, edge),) = graph.in_edges(node, data=True)
            inputs = graph.nodes[source]["shapes"][edge["port"]][0]
            rows, columns = layer["args"].get("kernel", (1, 1))
            groups = inputs if layer["op"] == "DWCONV" else layer["args"].get("groups", 1)
            size = 1
            for side in layer["shape"]:
                size *= side
            macs += size * (inputs // groups) * rows * columns
    assert macs == net.summary().macs


def test_auxiliary_outputs_are_told(tmp_path: Path) -> None:
    net = blockdsl.load("googlenet")
    write_json(net.ir, net.title, tmp_path / "net.json")
    heads = json.loads((tmp_path / "net.json").read_text())["graph"]["auxiliaries"]
    assert [(h["name"], h["weight"]) for h in heads] == [("aux1", 0.3), ("aux2", 0.3)]
