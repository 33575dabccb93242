"""The Python API: load, parse, look, build."""

from pathlib import Path

import networkx as nx
import pytest
import torch

import blockdsl


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

        def module(self, *inputs: Shape) -> torch.nn.Module:
            made = torch.nn.Module()
            made.weight = torch.nn.Parameter(torch.full((1,), 2.0))
            made.forward = lambda x: x * made.weight
            return made

    try:
        network = blockdsl.parse("DOUBLED*2", input=(3,))
        assert network.summary().params == 2
        assert network.module()(torch.ones(1, 3)).tolist() == [[4.0, 4.0, 4.0]]
    finally:
        unregister("DOUBLED")


def test_a_name_that_the_package_does_not_have() -> None:
    with pytest.raises(AttributeError, match="no attribute 'compile'"):
        blockdsl.compile  # type: ignore[attr-defined]  # noqa: B018
