"""Blocks, recursion, `let`, tensors and networks as arguments, loops, labels, auxiliary outputs."""

import pytest

from blockdsl.ir import module_name, path_text
from blockdsl.lowering import lower
from blockdsl.source import Source
from blockdsl.syntax.parser import parse
from tests.lowering.lowered import graph, layers, message, operations, output, program, wiring

CONV = "block conv(c, k=3, s=1) = CONV(c, k, stride=s, pad=k//2)\n"


def names(text: str, **options: object) -> list[str]:
    return [layer.name for layer in graph(text, **options).layers() if layer.id]


# --- the examples of the language page


def test_resnet50_of_the_language_page():
    text = """
    title "ResNet-50"
    year  2015
    paper "Deep Residual Learning for Image Recognition"
    input 3x224x224
    param classes = 1000

    block conv(c, k, s=1) = CONV(c, k, stride=s, pad=k//2, bias=no)-BN

    block bottleneck(c, s=1) =
        (conv(c,1,s)-RELU-conv(c,3)-RELU-conv(4*c,1)
         + (if s != 1 or in.c != 4*c then conv(4*c,1,s) else ID))-RELU

    block stage(c, n, s) = bottleneck(c,s)-bottleneck(c)*(n-1)

    net conv(64,7,2)-RELU-POOL(3,s2,p1)
       -stage(64,3,1)-stage(128,4,2)-stage(256,6,2)-stage(512,3,2)
       -GAP-FC(classes)
    """
    net = program(text).graph
    counts = [layer.operation.name for layer in net.layers()]
    assert counts.count("CONV") == 53  # 1 + 16 * 3 + 4 projections (He et al. 2015, table 1)
    assert counts.count("SUM") == 16
    weights = sum(
        _numbers(shape)
        for layer in net.layers()
        for shape in layer.operation.weights(*net.input_shapes(layer)).values()
    )
    assert weights == 25_557_032
    assert net.shape_of(net.points["stage2"]) == (512, 28, 28)
    assert net.only_output("a test") == (1000,)


def _numbers(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def test_fractal():
    text = """block conv(c) = CONV(c,3,p1)
    block fractal(n, c) = if n == 1 then conv(c) else MEAN(conv(c), fractal(n-1,c)-fractal(n-1,c))
    net fractal(4, 8)"""
    found = operations(text)
    assert found.count("CONV(8,3,pad=1)") == 2**4 - 1  # f(n) = 1 + 2 f(n-1) convolutions
    assert found.count("MEAN") == 2**3 - 1


def test_dense():
    text = """block dense(k) = ID | BN-RELU-CONV(4*k,1,bias=no)-BN-RELU-CONV(k,3,p1,bias=no)
    net dense(12)*6"""
    assert output(text) == (3 + 6 * 12, 32, 32)


def test_squeeze_and_excitation_sees_the_shape_that_flows_in():
    text = """block se(r) = ID * (GAP-CONV(in.c//r,1)-RELU-CONV(in.c,1)-SIGMOID)
    net CONV(64,1)-se(16)"""
    assert operations(text) == ["CONV(64,1)", "GAP", "CONV(4,1)", "RELU", "CONV(64,1)", "SIGMOID", "MUL"]


def test_unet_is_one_line():
    text = """block double(c) = CONV(c,3,p1)-RELU-CONV(c,3,p1)-RELU
    block unet(d, c) = if d == 0 then double(c)
                       else double(c)-(ID | POOL(2)-unet(d-1,2*c)-DECONV(c,2,s2))-double(c)
    net unet(3, 8)"""
    net = graph(text)
    assert net.only_output("a test") == (8, 32, 32)
    assert sum(layer.operation.name == "CAT" for layer in net.layers()) == 3
    deepest = max(net.layers(), key=lambda layer: layer.shape[0])
    assert deepest.shape == (64, 4, 4)


def test_a_cell_is_a_dag_of_named_points_each_evaluated_once():
    text = """block sep(c, k) = DWCONV(k,pad=k//2)-CONV(c,1)
    block cell(c) =
        let a = in-sep(c,3)
        let b = (in-sep(c,5)) + (a-POOL(3,s1,p1))
        (in-sep(c,3)) | a | b
    net cell(8)"""
    net = graph(text)
    found = [layer.operation.name for layer in net.layers()]
    assert found.count("DWCONV") == 3
    assert net.only_output("a test") == (24, 32, 32)
    a = net.points["cell1.sep1"].node
    users = {target for _, target in net.nx.out_edges(a)}
    assert len(users) == 2  # the pool of b, and the concatenation


@pytest.mark.parametrize(
    "join", ["SUM(a, b)", "CAT(a, b)", "MATMUL(a-TOKENS, b-TOKENS-TRANSPOSE)-IMAGE(32x32)"]
)
def test_a_join_of_tensors_in_brackets_is_a_tensor_evaluated_once(join: str):
    """As `a + b` is; it was built, and its weights made, for each use of the name."""
    points = "net\n    let a = in-CONV(4,1)\n    let b = in-CONV(4,1)\n"
    bound = operations(f"{points}    let y = {join}-CONV(8,1)\n    y + y")
    assert bound.count("CONV(8,1)") == 1
    given = operations(f"block f(y) = y + y\n{points}    f({join}-CONV(8,1))")
    assert given == bound
    looped = operations(f"{points}    let y = SUM([t-CONV(8,1) for t in [a, b]])\n    y | y")
    assert looped.count("CONV(8,1)") == 2


def test_a_join_of_tensors_stands_at_the_beginning_of_a_chain():
    text = "net\n    let a = in-CONV(4,1)\n    CONV(4,1)-SUM(a, a)"
    assert "a tensor can only begin a chain" in message(text)


def test_cells_that_take_two_inputs_recur():
    text = """block cell(prev, c) = (in-CONV(c,1)) + (prev-CONV(c,1))
    block cells(prev, n, c) = if n == 0 then ID else step(prev, n, c)
    block step(prev, n, c)  = let out = in-cell(prev, c)
                              out-cells(in, n-1, c)
    net CONV(4,1)-cells(in, 3, 8)"""
    # Each sum takes the two outputs before it; the first cell gets the net's input as `prev`.
    assert wiring(text) == [
        (0,), (1,), (0,), (2, 3), (4,), (1,), (5, 6), (7,), (4,), (8, 9),
    ]  # fmt: skip


# --- parameters


def test_arguments_by_position_by_name_and_by_default():
    text = CONV + "net conv(8)-conv(8, s=2)-conv(8,1,2)-conv(k=5, c=8)"
    assert operations(text) == [
        "CONV(8,3,pad=1)", "CONV(8,3,stride=2,pad=1)", "CONV(8,1,stride=2)", "CONV(8,5,pad=2)",
    ]  # fmt: skip


def test_a_default_sees_the_parameters_before_it_and_what_flows_in():
    text = "block f(c=2*in.c, d=c+1) = CONV(c,1)-CONV(d,1)\nnet f-f(5)"
    assert operations(text) == ["CONV(6,1)", "CONV(7,1)", "CONV(5,1)", "CONV(6,1)"]


def test_a_network_can_be_an_argument_and_takes_arguments_where_it_is_a_block():
    text = """block wide(c) = CONV(c,3,p1)-RELU
    block stage(unit, act, n) = (unit(8)-act)*n
    net stage(wide, TANH, 2)"""
    assert operations(text) == ["CONV(8,3,pad=1)", "RELU", "TANH"] * 2


def test_a_network_argument_keeps_the_names_of_its_caller():
    text = "block twice(body) = let c = 99 body-body\nblock f(c) = twice(CONV(c,1))\nnet f(5)"
    assert operations(text) == ["CONV(5,1)", "CONV(5,1)"]


def test_a_tensor_keeps_its_place_wherever_it_is_named():
    text = "block f(x) = RELU + (x-TANH)\nnet CONV(3,1)-f(in)"
    assert wiring(text) == [(0,), (1,), (0,), (2, 3)]


def test_in_is_the_input_of_the_block_in_whose_text_it_stands():
    text = "block f(c) = CONV(c,1)\nnet CONV(7,1)-f(in.c)"
    assert operations(text) == ["CONV(7,1)", "CONV(3,1)"]


def test_sizes_of_images_tokens_and_vectors():
    text = (
        "block f = RESHAPE([in.h*in.w, in.c])-g\nblock g = FC(in.c+in.l)-h\nblock h = TAKE-FC(in.c//2)\nnet f"
    )
    assert operations(text, input=(6, 2, 2)) == ["RESHAPE([4,6])", "FC(10)", "TAKE", "FC(5)"]


def test_a_let_bound_network_has_fresh_weights_at_each_use():
    assert names("let u = CONV(3,1)-BN\nnet u-u") == ["conv1", "bn1", "conv2", "bn2"]


# --- loops


def test_a_comprehension_repeats_with_its_index():
    text = "block unit(c, drop) = CONV(c,1)-DROPOUT(drop)\nlet n = 4\n"
    text += "net (unit(16*i, drop=0.5*i/n) for i in 1..n)"
    # 0.5 is DROPOUT's own default, so the last one is written without.
    assert operations(text) == [
        "CONV(16,1)", "DROPOUT(p=0.125)", "CONV(32,1)", "DROPOUT(p=0.25)", "CONV(48,1)", "DROPOUT(p=0.375)",
        "CONV(64,1)", "DROPOUT",
    ]  # fmt: skip


def test_a_comprehension_over_a_list_and_over_nothing():
    assert operations("(CONV(c,1) for c in [4,8])") == ["CONV(4,1)", "CONV(8,1)"]
    assert operations("(CONV(i,1) for i in 1..0)-RELU") == ["RELU"]


# --- names: labels, paths, points


def test_instances_count_from_1_each_name_for_itself():
    text = "block unit = CONV(3,1)-RELU\nnet unit-CONV(3,1)-unit-CONV(3,1)"
    assert names(text) == ["unit1.conv1", "unit1.relu1", "conv1", "unit2.conv1", "unit2.relu1", "conv2"]


def test_a_label_names_the_one_element_after_it():
    text = "conv1:CONV(8,3)-RELU-stem:(CONV(8,3)-RELU)-CONV(8,1)"
    assert names(text) == ["conv1", "relu1", "stem.conv1", "stem.relu1", "conv2"]


def test_a_labelled_block_has_the_label_in_place_of_its_name():
    text = "block unit(c) = CONV(c,1)\nnet first:unit(8)-unit(4)"
    net = graph(text)
    assert [layer.name for layer in net.layers()] == ["input", "first.conv1", "unit1.conv1"]
    assert {name: str(call) for name, call in net.blocks.items()} == {
        "first": "unit(c=8)",
        "unit1": "unit(c=4)",
    }


def test_labels_in_repetitions_and_loops_are_numbered():
    assert names("(a:CONV(8,1)-RELU)*2") == ["a1", "relu1", "a2", "relu2"]
    assert names("(a:(CONV(i,1)-RELU) for i in 1..2)") == ["a1.conv1", "a1.relu1", "a2.conv1", "a2.relu1"]
    assert names("block f = a:RELU\nnet f*2") == ["f1.a", "f2.a"]


def test_a_label_may_have_the_name_of_the_network_it_stands_before():
    assert names("let stem = CONV(8,1)-RELU\nnet stem:stem-stem") == [
        "stem.conv1",
        "stem.relu1",
        "conv1",
        "relu1",
    ]


def test_a_name_for_a_network_does_not_take_a_number_from_layers():
    assert names("let conv = CONV(8,1)\nnet conv-conv") == ["conv1", "conv2"]


def test_labels_step_aside_for_no_one_and_layers_step_around_labels():
    assert names("conv2:CONV(3,1)-CONV(3,1)-CONV(3,1)") == ["conv2", "conv1", "conv3"]


def test_points_are_layers_labels_and_blocks():
    text = (
        "block unit(c) = CONV(c,1)-RELU\nblock stage(c) = unit(c)*2\nnet stage(4)-stage(8)-head:(GAP-FC(2))"
    )
    net = graph(text)
    shapes = {name: net.shape_of(value) for name, value in net.points.items()}
    assert shapes["stage2"] == shapes["stage2.unit2"] == shapes["stage2.unit2.relu1"] == (8, 32, 32)
    assert shapes["stage1.unit1.conv1"] == (4, 32, 32)
    assert shapes["head"] == (2,)
    assert shapes["input"] == (3, 32, 32)


def test_paths_are_written_with_brackets_and_modules_without():
    last = list(graph("block unit = CONV(3,1)\nnet unit-stem:unit*2").layers())[-1]
    assert path_text(last.path) == "stem[2].conv[1]"
    assert module_name(last.path) == "stem2.conv1"


def test_checks_address_points():
    text = """block unit(c) = CONV(c,1)-RELU
    net a:unit(4)-unit(8)*2
    check shape(a) == 4x32x32
    check shape(unit[2]) == 8x32x32 and shape(unit[2].conv) == shape(unit[1].relu[1])"""
    found = program(text)

    def shape(point):
        return found.graph.shape_of(found.point(point))

    assert [found.evaluate(check.condition, {"shape": shape}) for check in found.checks] == [True, True]


# --- auxiliary outputs


AUX = "net CONV(8,1)-AUX(aux1, GAP-FC(10), weight=0.3)-RELU-AUX(aux2, FC(10))-GAP-FC(10)"


def test_an_auxiliary_output_leaves_the_stream_as_it_is():
    net = graph(AUX)
    main = [layer.name for layer in net.layers() if not layer.training_only]
    assert main == ["input", "conv1", "relu1", "gap1", "flatten1", "fc1"]
    assert [(a.name, a.weight, net.shape_of(a.value)) for a in net.auxiliaries] == [
        ("aux1", 0.3, (10,)), ("aux2", 1.0, (10,)),
    ]  # fmt: skip


def test_what_feeds_auxiliary_outputs_alone_is_marked():
    marked = [layer.name for layer in graph(AUX).layers() if layer.training_only]
    assert marked == ["aux1.gap1", "aux1.flatten1", "aux1.fc1", "aux2.flatten1", "aux2.fc1"]


def test_blocks_inside_an_auxiliary_head_are_marked_too():
    text = "block head(n) = CONV(4,1)-FC(n)\nnet RELU-AUX(aux, head(10))-TANH"
    marked = [layer.name for layer in graph(text).layers() if layer.training_only]
    assert marked == ["aux.head1.conv1", "aux.head1.flatten1", "aux.head1.fc1"]


# --- bounds


def test_a_thousand_units_are_no_recursion():
    assert len(graph("block unit = ID + CONV(3,3,p1)-RELU\nnet unit*1000")) == 3001


def test_blocks_may_nest_a_hundred_and_fifty_deep():
    assert operations("block f(n) = if n == 0 then RELU else f(n-1)\nnet f(150)") == ["RELU"]


def test_a_chain_of_ten_thousand_parts_is_no_recursion():
    assert len(graph("-".join(["RELU"] * 10_000))) == 10_001


def test_lowering_twice_gives_the_same_graph():
    file = parse(Source("t.arch", "block f(n) = if n == 0 then ID else RELU-(f(n-1) + TANH)\nnet f(5)"))
    first, second = (lower(file, input=(3, 8, 8)).graph for _ in range(2))
    assert [repr(layer) for layer in first.layers()] == [repr(layer) for layer in second.layers()]
    assert list(first.nx.edges(data=True)) == list(second.nx.edges(data=True))
    assert first.points == second.points


def test_the_chain_of_calls_is_told_innermost_first():
    text = """# mynet
param width = 64
block conv(c,k) = CONV(c,k,pad=k//2)


block bottleneck(c) =
    (conv(c,1)-RELU-conv(4*c,1) + ID)-RELU
block stage(c, n) =
     bottleneck(c)*n
net conv(64,7)
   -stage(64,3)"""
    assert message(text, name="mynet.arch") == (
        "error[shape]: cannot add 256x32x32 and 64x32x32\n"
        "  --> mynet.arch:7:6\n"
        "     7 |     (conv(c,1)-RELU-conv(4*c,1) + ID)-RELU\n"
        "       |      ^^^^^^^^^^^^^^^^^^^^^^^^^^ 256x32x32\n"
        "       |                                   ^^ 64x32x32\n"
        "   in bottleneck(c=64) called at mynet.arch:9:6, in stage(c=64, n=3) called at mynet.arch:11:5\n"
        "  help: project the shortcut: CONV(256,1)"
    )


def test_layer_descriptions_read_like_the_language():
    assert layers("DECONV(8,2,s2)")[0] == "deconv1: DECONV(8,2,stride=2) -> 8x64x64"
