"""Parts of a network on devices of their own: AlexNet's towers, and any other parts."""

import copy

import pytest
import torch
from torch import Tensor, nn

import blockdsl
from blockdsl.diagnostics import ArchError

TOWERS = """
    input 3x16x16
    block lower(c) = CONV(c,3,s2)-BN-RELU
    block upper(c) = CONV(c,3)-RELU-(ID + CONV(c,1))
    net [lower(4), lower(5)]-CAT-[upper(4), upper(3)]-CAT-AUX(head, GAP-FC(5))-GAP-[FC(4), FC(4)]-SUM-FC(5)
"""
SECOND = ("lower[2]", "upper[2]", "fc2")
PAIRS = [("cpu", "cpu:0")]
if torch.cuda.is_available():
    PAIRS += [("cpu", "cuda:0"), ("cuda:0", f"cuda:{torch.cuda.device_count() - 1}")]


def halves(weight: Tensor) -> tuple[Tensor, Tensor]:
    """What the first and the second tower make."""
    first, second = weight.chunk(2)
    return first, second


def split_among_towers(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of alexnet, whose groups are the towers, for alexnet_two_towers."""
    homes = {
        "conv1": "lower{}.conv1", "conv2": "lower{}.conv2",
        "conv3": "upper{}.conv3", "conv4": "upper{}.conv4", "conv5": "upper{}.conv5",
        "fc6": "full{}.fc1", "fc7": "full{}.fc1",
    }  # fmt: skip
    found = {name: tensor for name, tensor in state.items() if name.startswith("fc8")}
    for layer, home in homes.items():
        for kind in ("weight", "bias"):
            for gpu, half in enumerate(halves(state[f"{layer}.{kind}"]), 1):
                found[f"{home.format(gpu + 2 * (layer == 'fc7'))}.{kind}"] = half
    return found


def test_two_towers_are_alexnet() -> None:
    one, two = blockdsl.load("alexnet"), blockdsl.load("alexnet_two_towers")
    assert two.summary().params == one.summary().params == 60_965_224
    assert two.summary().macs == one.summary().macs
    alexnet = one.module(seed=0).eval()
    towers = two.module(device="meta").eval()
    towers.load_state_dict(split_among_towers(alexnet.state_dict()), assign=True)
    x = torch.randn(2, 3, 227, 227, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = alexnet(x)
        assert expected.std() > 1e-3
        torch.testing.assert_close(towers(x), expected, rtol=1e-4, atol=1e-6)


def towers() -> nn.Module:
    return blockdsl.parse(TOWERS).module(dtype=torch.float64, seed=0)


def images() -> Tensor:
    return torch.randn(3, 3, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def borders(module: nn.Module) -> list[str]:
    """The modules that bring their inputs to a device."""
    return [name for name, part in module.named_modules() if part._forward_pre_hooks]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_two_devices_give_the_outputs_and_gradients_of_one(first: str, second: str) -> None:
    one, two = towers(), towers().to(first)
    assert blockdsl.place(two, dict.fromkeys(SECOND, second)) is two
    for name, p in two.named_parameters():
        wanted = second if name.startswith(("lower2.", "upper2.", "fc2.")) else first
        assert p.device == torch.empty(0, device=wanted).device, name
    results = [module(images()) for module in (one, two)]
    for y, heads in results:
        (y.square().sum() + heads["head"].to(y.device).square().sum()).backward()
    (y, heads), (z, other) = results
    torch.testing.assert_close(z, y, check_device=False)
    torch.testing.assert_close(other["head"], heads["head"], check_device=False)
    for (name, p), q in zip(one.named_parameters(), two.parameters(), strict=True):
        assert q.grad is not None and q.grad.device == q.device
        torch.testing.assert_close(q.grad, p.grad, check_device=False, msg=name)


def test_tensors_are_moved_where_they_cross_a_border_and_nowhere_else() -> None:
    module = blockdsl.place(towers(), dict.fromkeys(SECOND, "cpu:0"))
    # The first layers take an input from anywhere; joins bring the second tower to the first.
    entries = ["lower1.conv1", "lower2.conv1"]
    assert borders(module) == [*entries, "cat1", "upper2.conv1", "cat2", "fc2", "sum1"]
    moved = blockdsl.place(module, dict.fromkeys(SECOND, "cpu"))
    assert borders(moved) == entries
    assert borders(copy.deepcopy(blockdsl.place(module, dict.fromkeys(SECOND, "cpu:0"))))[2:] == [
        "cat1", "upper2.conv1", "cat2", "fc2", "sum1",
    ]  # fmt: skip


def test_no_layer_sees_a_tensor_of_another_device() -> None:
    """From cpu to meta, which has no way back: all that follows the first tower is there."""
    module = towers()
    rest = [name for name, _ in module.named_children() if name != "lower1"]
    blockdsl.place(module, dict.fromkeys(rest, "meta"))
    seen: dict[str, set[str]] = {}

    def look(name: str) -> None:
        def note(part: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            weights = [*part.parameters(), *part.buffers()]
            seen[name] = {x.device.type for x in [*inputs, *weights]}

        module.get_submodule(name).register_forward_pre_hook(note)

    for name, part in module.named_modules():
        if not list(part.children()):
            look(name)
    output, heads = module(images())
    assert output.device.type == heads["head"].device.type == "meta"
    assert output.shape == (3, 5)
    for name, types in seen.items():
        assert types == {"cpu" if name.startswith("lower1.") else "meta"}, name


def test_the_longer_name_decides() -> None:
    module = blockdsl.place(towers(), {"upper": "meta", "upper1.conv2": "cpu"})
    where = {name: p.device.type for name, p in module.named_parameters() if name.startswith("upper")}
    assert where == {
        "upper1.conv1.weight": "meta", "upper1.conv1.bias": "meta",
        "upper1.conv2.weight": "cpu", "upper1.conv2.bias": "cpu",
        "upper2.conv1.weight": "cpu", "upper2.conv1.bias": "cpu",
        "upper2.conv2.weight": "cpu", "upper2.conv2.bias": "cpu",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "device", "message"),
    [
        (
            "lowr[1]", "cpu",
            "error[name]: no part of the network is called lowr[1]\n  help: did you mean lower1?",
        ),
        ("lower[1]", "gpu", "error[device]: there is no device gpu\n  help: cpu, cuda, cuda:1, mps or meta"),
        (
            "lower[1]", "cuda:99",
            "error[device]: cuda:99 was asked for, this machine has "
            f"{torch.cuda.device_count()} cuda devices",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_placed(name: str, device: str, message: str) -> None:
    with pytest.raises(ArchError) as caught:
        blockdsl.place(towers(), {name: device})
    assert str(caught.value) == message
