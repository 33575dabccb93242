"""Dense evaluation: answers equal those of the crops one by one, and what cannot slide says so."""

import copy
import io
from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

import blockdsl
from blockdsl.codegen import check_module
from blockdsl.diagnostics import ArchError

# No layer pads, so that a place of the map sees exactly one window. Strides, parts of the input that no
# window reaches, and one dash of everything that the zoo's classifiers are made of.
OVERFEAT = """
    input 3x23x31
    net conv1:CONV(6,5,s2)-RELU-pool1:POOL(2)-conv2:CONV(8,2)-BN-RELU-pool2:POOL(2)
       -full3:CONV(12,2x3)-RELU-DROPOUT(0.5)-full4:CONV(5,1)-FLATTEN
"""
VGG = """
    input 2x22x18
    block pair(c) = CONV(c,3)-RELU-CONV(c,2)-PRELU(per=layer)-POOL(2)
    net pair(4)-LRN-pair(6)-FC(9)-BN-PRELU-DROPOUT(0.3,rescale=test)-FC(8)-MAXOUT(2)-FC(5)
"""
BRANCHES = """
    input 2x12x10
    net CONV(4,3,s2)-((POOL(2,s1)-CONV(3,1)) | CONV(3,2))-AUX(head, GAP-FC(5))-RELU
       -((GAP-FC(6)) + (GMP-FC(6)) + FC(6))-SOFTMAX-FC(5)
"""
TOWERS = """
    input 4x13x13
    block tower = CONV(4,3,s2)-RELU-POOL(3,s2)-FC(6)-RELU
    net SPLIT(2)-[tower, tower]-CAT-FC(5)-BN
"""
UNPADDED = {"overfeat": (OVERFEAT, 8), "vgg": (VGG, 4), "branches": (BRANCHES, 2), "towers": (TOWERS, 4)}


def trained(text: str) -> nn.Module:
    """A module in float64 whose statistics and biases are not those of the start."""
    module = blockdsl.parse(text).module(dtype=torch.float64, seed=0)
    generator = torch.Generator().manual_seed(1)
    for tensor in [*module.parameters(), *module.buffers()]:
        if tensor.is_floating_point() and tensor.ndim < 2:
            tensor.detach().uniform_(0.5, 1.5, generator=generator)
    return module.eval()


def image(channels: int, rows: int, columns: int) -> Tensor:
    return torch.randn(
        2, channels, rows, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(2)
    )


def crops(module: nn.Module, x: Tensor, shape: tuple[int, ...], step: int) -> Tensor:
    """The answers of all windows of the network's own size, `step` apart: (N, K, rows, columns)."""
    _, rows, columns = shape

    def line(top: int) -> Iterator[Tensor]:
        for left in range(0, x.shape[3] - columns + 1, step):
            yield module(x[:, :, top : top + rows, left : left + columns])

    lines = [torch.stack(list(line(top)), 2) for top in range(0, x.shape[2] - rows + 1, step)]
    return torch.stack(lines, 2)


@pytest.mark.parametrize(("text", "step"), UNPADDED.values(), ids=UNPADDED)
def test_a_map_is_the_crops_one_by_one(text: str, step: int) -> None:
    module = trained(text)
    shape = blockdsl.parse(text).input_shape
    larger = (shape[0], shape[1] + 3 * step + step // 2, shape[2] + 2 * step)
    x = image(*larger)
    with torch.no_grad():
        expected = crops(module, x, shape, step)
        dense = blockdsl.dense(module, input=larger)
        found = dense(x)
    assert expected.shape[2:] == (4, 3)
    # Windows whose last pixels no pool reaches fit in once more than the crop does.
    seen = found[:, :, : expected.shape[2], : expected.shape[3]]
    torch.testing.assert_close(seen, expected, rtol=1e-10, atol=1e-12)
    # The same network as an architecture, built by itself: same names, same numbers of weights.
    rebuilt = blockdsl.dense(blockdsl.parse(text), input=larger)
    assert rebuilt.output_shape == found.shape[1:]
    assert list(rebuilt.summary().outputs.values()) == [rebuilt.output_shape]
    assert rebuilt.summary().params == sum(p.numel() for p in dense.parameters())
    check_module(rebuilt.ir, rebuilt.module(seed=0))


@pytest.mark.parametrize("text", [text for text, _ in UNPADDED.values()], ids=UNPADDED)
def test_at_its_own_size_the_map_is_one_answer_and_memory_is_shared(text: str) -> None:
    module = trained(text)
    dense = blockdsl.dense(module)
    x = image(*blockdsl.parse(text).input_shape)
    with torch.no_grad():
        torch.testing.assert_close(dense(x)[:, :, 0, 0], module(x))
    own = {p.data_ptr() for p in module.parameters()}
    assert {p.data_ptr() for p in dense.parameters()} <= own


def test_copies_know_their_graph() -> None:
    module = trained(VGG)
    x = image(2, 22, 18)
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    for copied in (copy.deepcopy(module), torch.load(file, weights_only=False)):
        torch.testing.assert_close(blockdsl.dense(copied)(x)[:, :, 0, 0], module(x))


def test_a_dense_network_is_exported_for_images_of_any_size() -> None:
    module = blockdsl.dense(trained(VGG))
    # From the size on at which the map has two rows and columns: torch treats axes of 1 apart.
    rows, columns = torch.export.Dim("rows", min=26, max=80), torch.export.Dim("columns", min=22, max=80)
    exported = torch.export.export(module, (image(2, 40, 40),), dynamic_shapes=({2: rows, 3: columns},))
    x = image(2, 31, 50)
    torch.testing.assert_close(exported.module()(x), module(x))


def converted(module: nn.Module) -> nn.Sequential:
    """AlexNet and VGG by hand: linear layers become convolutions (Sermanet et al. 2013)."""
    layers: list[nn.Module] = []
    side = 0
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            kernel = side or 1
            conv = nn.Conv2d(layer.in_features // kernel**2, layer.out_features, kernel)
            weight = layer.weight.detach().view(conv.weight.shape)
            conv.weight, conv.bias = nn.Parameter(weight), layer.bias
            layers.append(conv)
            side = 0
        elif isinstance(layer, nn.Flatten):
            side = 6
        elif not list(layer.children()):
            layers.append(layer)
    return nn.Sequential(*layers)


@pytest.mark.parametrize("name", ["alexnet", "overfeat_fast"])
def test_networks_of_the_zoo(name: str) -> None:
    """Padded ones: equal to the conversion by hand, and at their own size to themselves."""
    architecture = blockdsl.load(name)
    module = architecture.module(seed=0).eval()
    dense = blockdsl.dense(module)
    c, rows, columns = architecture.input_shape
    x = torch.randn(1, c, rows + 64, columns + 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        own = x[:, :, :rows, :columns]
        torch.testing.assert_close(dense(own).flatten(1), module(own), rtol=1e-4, atol=1e-5)
        found = dense(x)
        assert found.shape == (1, 1000, 3, 2)
        torch.testing.assert_close(found, converted(module)(x), rtol=1e-4, atol=1e-5)


# --- finer steps ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "pooled", "answers"),
    [
        ((245, 245), (5, 5), (1, 1)),
        ((281, 317), (6, 7), (2, 3)),
        ((317, 389), (7, 9), (3, 5)),
        ((389, 461), (9, 11), (5, 7)),
        ((461, 569), (11, 14), (7, 10)),
    ],
)
def test_maps_of_overfeats_scales(
    size: tuple[int, int], pooled: tuple[int, int], answers: tuple[int, int]
) -> None:
    """Sermanet et al. (2013), table 5 (recalled): maps after the last pool and of the classifier, each at
    3x3 offsets."""
    architecture = blockdsl.load("overfeat_accurate")
    dense = blockdsl.dense(architecture, input=(3, *size))
    assert dense.ir.shape_of(dense.ir.point("pool6")) == (1024, *pooled)
    assert dense.output_shape == (1000, *answers)
    fine = blockdsl.dense(architecture, input=(3, *size), fine="pool6")
    assert fine.output_shape == (1000, 3 * answers[0], 3 * answers[1])
    assert fine.summary().params == architecture.summary().params


def test_fine_steps_are_the_crops_at_every_offset() -> None:
    module, shape = trained(OVERFEAT), (3, 23, 31)
    x = image(3, 23 + 11, 31 + 8)
    with torch.no_grad():
        found = blockdsl.dense(module, fine="pool2")(x)
        torch.testing.assert_close(found, crops(module, x, shape, 4), rtol=1e-10, atol=1e-12)


def test_fine_steps_are_shifted_pools_interleaved() -> None:
    """OverFeat's own procedure, with layers after the pool that pad."""
    text = """
        input 2x13x13
        net CONV(4,2)-RELU-pool:POOL(3)-after:(CONV(5,3,p1)-RELU-POOL(2,s1)-CONV(3,3))
    """
    module = trained(text)
    dense = blockdsl.dense(module, fine="pool")
    x = image(2, 19, 22)
    with torch.no_grad():
        found = dense(x)
        before = module.get_submodule("relu1")(module.get_submodule("conv1")(x))
        expected = torch.zeros_like(found)
        for i in range(3):
            for j in range(3):
                pooled = F.max_pool2d(before[:, :, i:, j:], 3)
                expected[:, :, i::3, j::3] = module.get_submodule("after")(pooled)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)


# --- several scales ------------------------------------------------------------------------


@pytest.mark.parametrize("over", ["mean", "max"])
def test_scales_and_mirror_images_are_averaged(over: str) -> None:
    module = trained(OVERFEAT)
    dense = blockdsl.dense(module)
    x = image(3, 40, 44)
    answers = []
    for size in ((40, 44), (60, 66), (37, 48)):
        scaled = x if size == (40, 44) else F.interpolate(x, size, mode="bilinear", antialias=True)
        for view in (scaled, scaled.flip(3)):
            with torch.no_grad():
                shares = crops(module, view, (3, 23, 31), 8).softmax(1)
            answers.append(shares.mean((2, 3)) if over == "mean" else shares.amax((2, 3)))
    found = blockdsl.multiscale(dense, x, [40, 60, (37, 48)], over=over)  # type: ignore[arg-type]
    torch.testing.assert_close(found, sum(answers, torch.zeros(())) / 6, rtol=1e-10, atol=1e-12)
    one = blockdsl.multiscale(dense, x, [40], flip=False, over=over)  # type: ignore[arg-type]
    torch.testing.assert_close(one, answers[0], rtol=1e-10, atol=1e-12)


# --- what cannot slide ---------------------------------------------------------------------

REFUSED = [
    (
        "input 3x8x8\nnet CONV(4,3)-AAP(2)-FC(5)",
        "error[dense]: AAP(2) (aap1) cannot slide over a larger image: its windows grow with the image\n"
        "  --> <text>:2:15\n"
        "     2 | net CONV(4,3)-AAP(2)-FC(5)\n"
        "       |               ^^^^^^",
    ),
    (
        "input 3x8x8\nblock mix = ID + LN-ATTENTION(2)\nnet CONV(4,4,s4)-TOKENS-mix-TAKE-FC(5)",
        "error[dense]: TOKENS (tokens1) cannot slide over a larger image: "
        "it makes one sequence of the whole image\n"
        "  --> <text>:3:18\n"
        "     3 | net CONV(4,4,s4)-TOKENS-mix-TAKE-FC(5)\n"
        "       |                  ^^^^^^",
    ),
    (
        "input 3x8x8\nblock se = ID * (GAP-CONV(3,1)-SIGMOID)\nnet se-FC(5)",
        "error[dense]: MUL (se1.mul1) cannot slide over a larger image: "
        "it joins a number for the whole image with one for each position\n"
        "  --> <text>:2:12\n"
        "     2 | block se = ID * (GAP-CONV(3,1)-SIGMOID)\n"
        "       |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        "   in se called at <text>:3:5",
    ),
    (
        "input 3x8x8\nnet FLATTEN-BN-FC(5)",
        "error[dense]: BN (bn1) cannot slide over a larger image: it works on a flattened image\n"
        "  --> <text>:2:13\n"
        "     2 | net FLATTEN-BN-FC(5)\n"
        "       |             ^^",
    ),
    (
        "input 64\nnet FC(5)",
        "error[dense]: a network on 64 cannot slide over 64\n"
        "  --> <text>:1:1\n"
        "     1 | input 64\n"
        "       | ^^^^^^^^\n"
        "  help: it takes images, signals or volumes, of as many channels",
    ),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=["aap", "tokens", "gate", "flat", "vector"])
def test_what_depends_on_the_size_is_named(text: str, message: str) -> None:
    with pytest.raises(ArchError) as caught:
        blockdsl.dense(blockdsl.parse(text))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "fine", "message"),
    [
        ("net pool:POOL(2)-CONV(4,3,s2)-FC(5)", "pool", "CONV(4,3,stride=2) (conv1) cannot take maps"),
        ("net pool:POOL(2)-CONV(4,3)-AVGPOOL(2,s1)-FC(5)", "pool", "AVGPOOL(2,stride=1) (avgpool1) cannot"),
        ("net pool:POOL(2)-c:CONV(4,3)-FC(5)", "c", "CONV(4,3) (c) has no stride to undo"),
        ("net pool:POOL(2)-CONV(4,3)-FC(5)", "pol", "no point of the network is called pol"),
    ],
)
def test_what_cannot_be_finer_is_named(text: str, fine: str, message: str) -> None:
    with pytest.raises(ArchError) as caught:
        blockdsl.dense(blockdsl.parse(f"input 3x16x16\n{text}"), fine=fine)
    assert message in caught.value.diagnostic.message


def test_smaller_images_and_modules_from_elsewhere_are_refused() -> None:
    with pytest.raises(ArchError, match=r"CONV.* cannot slide over a larger image: the 2x3 window"):
        blockdsl.dense(blockdsl.parse(OVERFEAT), input=(3, 20, 20))
    with pytest.raises(ArchError, match="this Linear does not know its graph"):
        blockdsl.dense(nn.Linear(3, 4))
