"""`net.json`: the graph as networkx's node-link data, for any program that reads JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import networkx as nx

from blockdsl.codegen import attributes, module_path
from blockdsl.ir import Graph, Layer, Value, path_text


def write_json(graph: Graph, title: str, path: Path) -> None:
    """Write `node_link` as JSON."""
    path.write_text(
        json.dumps(node_link(graph, title), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def node_link(graph: Graph, title: str = "") -> dict[str, Any]:
    """The graph for `networkx.node_link_graph(data, edges="edges")`.

    Node ids are in execution order, the inputs first; shapes are without the batch axis.

    A node has `op`, `args`, `shape` (of its first output), `shapes`, `layouts` (a word for each of the
    shapes: `image`, `tokens`, …), `path`, `name`, `module` (the module that computes it, by its name in the
    `state_dict`; an input has none), `file`, `line`, `column` and `training_only`. An edge says which `input`
    of its target it is, and which output of its source (`port`).

    The graph has `title`, `inputs`, `outputs` and `auxiliaries`: each has a `name`, and is output `port` of
    the node `node`, with its `shape` and `layout`; an auxiliary also has the `weight` of its loss. `shared`
    lists the applications of shared networks: the `path` of each, and the `module` that has its weights.
    `ties` lists the modules that use the weight of another one: `module`, and `weight_of`.
    """
    plain = nx.MultiDiGraph(
        title=title,
        inputs=[_port(graph, port.name, port.value) for port in graph.inputs],
        outputs=[_port(graph, port.name, port.value) for port in graph.outputs],
        auxiliaries=[_port(graph, a.name, a.value) | {"weight": a.weight} for a in graph.auxiliaries],
        shared=[
            {"path": path_text(path), "module": ".".join(attributes(module))}
            for path, module in graph.shared.items()
        ],
        ties=[
            {"module": ".".join(attributes(module)), "weight_of": ".".join(attributes(owner))}
            for module, owner in graph.ties.items()
        ],
    )
    for layer in graph.layers():
        plain.add_node(layer.id, **_node(graph, layer))
    for source, target, data in graph.nx.edges(data=True):
        plain.add_edge(source, target, input=data["input"], port=data["port"])
    result: dict[str, Any] = nx.node_link_data(plain, edges="edges")
    return result


def _node(graph: Graph, layer: Layer) -> dict[str, Any]:
    line, column = layer.span.source.position(layer.span.start)
    data = graph.nx.nodes[layer.id]
    return {
        "op": data["op"],
        "args": data["args"],
        "shape": list(layer.shape),
        "shapes": [list(shape) for shape in layer.shapes],
        "layouts": [shape.layout for shape in layer.shapes],
        "path": data["path"],
        "name": layer.name,
        "module": None if layer.is_input else module_path(graph, layer),
        "file": layer.span.source.name,
        "line": line,
        "column": column,
        "training_only": layer.training_only,
    }


def _port(graph: Graph, name: str, value: Value) -> dict[str, Any]:
    shape = graph.shape_of(value)
    return {
        "name": name,
        "node": value.node,
        "port": value.port,
        "shape": list(shape),
        "layout": shape.layout,
    }
