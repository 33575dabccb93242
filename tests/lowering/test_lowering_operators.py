"""Chains, sums, concatenations, products, repetitions, bundles: what the operators build."""

import pytest

from tests.lowering.lowered import graph, layers, operations, output, wiring


def test_the_smallest_file_is_the_alexnet_line_of_the_language_page():
    text = "CONV(96,11,s4)-RELU-POOL(3,s2)-CONV(256,5,p2)-RELU-POOL(3,s2)-FC(1000)"
    # Shapes by hand: (227-11)/4+1 = 55, (55-3)/2+1 = 27, 27+2*2-5+1 = 27, (27-3)/2+1 = 13.
    assert layers(text, input=(3, 227, 227)) == [
        "conv1: CONV(96,11,stride=4) -> 96x55x55",
        "relu1: RELU -> 96x55x55",
        "pool1: POOL(3,stride=2) -> 96x27x27",
        "conv2: CONV(256,5,pad=2) -> 256x27x27",
        "relu2: RELU -> 256x27x27",
        "pool2: POOL(3,stride=2) -> 256x13x13",
        "flatten1: FLATTEN -> 43264",
        "fc1: FC(1000) -> 1000",
    ]


def test_the_dash_binds_tighter_than_the_plus():
    text = "ID + CONV(3,3,p1)-BN"
    assert operations(text) == ["CONV(3,3,pad=1)", "BN", "SUM"]
    assert wiring(text) == [(0,), (1,), (0, 2)]


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("RELU-TANH + ELU", "(RELU-TANH) + ELU"),
        ("RELU + TANH | ELU", "(RELU + TANH) | ELU"),
        ("RELU*2-TANH", "(RELU*2)-TANH"),
        ("RELU-TANH*2", "RELU-(TANH*2)"),
        ("RELU * TANH-ELU", "(RELU * TANH)-ELU"),
        ("if yes then RELU else TANH-ELU", "if yes then RELU else (TANH-ELU)"),
        ("RELU*2*3", "(RELU*2)*3"),
        ("RELU*TANH*2", "(RELU*TANH)*2"),
    ],
)
def test_precedence(text: str, same_as: str):
    assert layers(text) == layers(same_as)
    assert wiring(text) == wiring(same_as)


def test_a_flat_chain_of_one_operator_is_one_join():
    assert operations("RELU | TANH | ELU | ID") == ["RELU", "TANH", "ELU", "CAT"]
    assert wiring("RELU | TANH | ELU | ID")[-1] == (1, 2, 3, 0)
    assert operations("RELU + TANH + ELU") == ["RELU", "TANH", "ELU", "SUM"]
    assert operations("RELU + (TANH + ELU)") == ["RELU", "TANH", "ELU", "SUM", "SUM"]


def test_both_sides_of_a_join_see_the_same_input():
    assert wiring("RELU-(TANH + ELU)") == [(0,), (1,), (1,), (2, 3)]


def test_concatenation_adds_channels_in_the_order_of_writing():
    assert output("CONV(5,1) | CONV(7,1) | ID") == (15, 32, 32)
    assert wiring("CONV(5,1) | CONV(7,1) | ID")[-1] == (1, 2, 0)


def test_a_product_of_networks_is_elementwise_and_broadcasts_a_gate():
    text = "ID * (GAP-CONV(3,1)-SIGMOID)"
    assert operations(text)[-1] == "MUL"
    assert output(text) == (3, 32, 32)


def test_a_repetition_has_fresh_weights_each_time():
    net = graph("CONV(3,3,p1)*3")
    assert [layer.name for layer in net.layers()] == ["input", "conv1", "conv2", "conv3"]
    assert wiring("CONV(3,3,p1)*3") == [(0,), (1,), (2,)]


def test_nothing_repeated_is_the_identity():
    assert layers("RELU*0") == []
    assert graph("RELU*0").outputs[0].value.node == 0
    assert wiring("CONV(3,1)*0 + ID") == [(0, 0)]


def test_the_identity_leaves_no_layer():
    assert layers("ID-RELU-ID") == ["relu1: RELU -> 3x32x32"]


# --- bundles


def test_a_bundle_fans_one_input_out():
    text = "[RELU, TANH, ELU]-CAT"
    assert wiring(text) == [(0,), (0,), (0,), (1, 2, 3)]


def test_a_bundle_has_as_many_inputs_as_outputs():
    text = "SPLIT(3)-[CONV(4,1), ID, RELU]-CAT"
    net = graph(text)
    split, conv, relu, cat = [layer for layer in net.layers() if layer.id]
    assert split.shapes == ((1, 32, 32),) * 3
    assert [v.port for v in conv.inputs] == [0]
    assert [v.port for v in relu.inputs] == [2]
    assert [(v.node, v.port) for v in cat.inputs] == [(2, 0), (1, 1), (3, 0)]
    assert net.only_output("a test") == (4 + 1 + 1, 32, 32)


def test_bundles_follow_each_other():
    assert wiring("[RELU, TANH]-[ELU, SELU]-SUM") == [(0,), (0,), (1,), (2,), (3, 4)]


def test_split_by_sizes_and_shuffle_is_the_unit_of_shufflenet():
    text = "SPLIT([1,2])-[ID, CONV(2,3,p1)]-CAT-SHUFFLE(3)"
    assert output(text) == (3, 32, 32)


@pytest.mark.parametrize("join", ["SUM", "MEAN", "MAX"])
def test_a_join_called_with_networks_is_a_bundle_and_the_join(join: str):
    assert layers(f"{join}(RELU, TANH)") == layers(f"[RELU, TANH]-{join}")
    assert wiring(f"{join}(RELU, TANH)") == wiring(f"[RELU, TANH]-{join}")


def test_a_join_takes_its_own_arguments_by_name_beside_the_networks():
    assert operations("MEAN(RELU, TANH, drop=0.15)")[-1] == "MEAN(drop=0.15)"


def test_names_that_look_like_tags_are_networks_where_they_are_bound():
    assert operations("net let s2 = RELU let s3 = TANH MEAN(s2, s3)") == ["RELU", "TANH", "MEAN"]


def test_a_bundle_can_be_a_comprehension():
    assert output("[CONV(4*i,1) for i in 1..3]-CAT") == (4 + 8 + 12, 32, 32)


def test_images_are_flattened_before_a_fully_connected_layer():
    assert operations("FC(10)-FC(5)") == ["FLATTEN", "FC(10)", "FC(5)"]


# --- what every node knows


def test_a_node_of_the_graph_knows_operation_arguments_shape_path_and_span():
    text = "block unit(c) = CONV(c,3,p1)-BN\nnet unit(8)*2"
    net = graph(text)
    third = net.nx.nodes[3]
    assert third["op"] == "CONV"
    assert third["args"] == {
        "channels": 8, "kernel": (3, 3), "stride": (1, 1), "pad": (1, 1), "groups": 1,
        "dilation": (1, 1), "bias": True, "table": None, "tie": None,
    }  # fmt: skip
    assert third["shape"] == (8, 32, 32)
    assert third["path"] == "unit[2].conv[1]"
    assert third["span"].text == "CONV(c,3,p1)"
    assert str(third["span"]) == "t.arch:1:17"
    call = third["layer"].call
    assert str(call) == "unit(c=8)"
    assert call.chain() == ("unit(c=8) called at t.arch:2:5",)


def test_edges_tell_inputs_and_ports():
    net = graph("SPLIT(3)-[ID, RELU, ID]-CAT")
    edges = sorted((e["input"], source, e["port"]) for source, _, e in net.nx.in_edges(3, data=True))
    assert edges == [(0, 1, 0), (1, 2, 0), (2, 1, 2)]
