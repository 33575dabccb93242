"""Transfer learning: weights carried as far as they fit, layers frozen up to a point."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import blockdsl
from blockdsl.diagnostics import ArchError
from blockdsl.recipe import Recipe, terms
from blockdsl.training import carry_weights, fit, layers_until, load, predict

NET = """
    input 1x8x8
    param classes = 10
    block unit(c) = (CONV(c,3,p1)-BN-RELU-CONV(c,3,p1)-BN + (if in.c == c then ID else CONV(c,1)))-RELU
    net stem:CONV(6,3)-BN-RELU-unit(6)-unit(12)-DROPOUT(0.5)-pool:POOL(2)
       -mix:CONV(8,1)-BN-RELU-head:FC(classes)
"""
BODY = ["unit1.conv1", "unit1.bn1", "unit1.relu1", "unit1.conv2", "unit1.bn2", "unit1.sum1", "unit1.relu2"]


def network(classes: int = 10) -> blockdsl.Architecture:
    return blockdsl.parse(NET, settings={"classes": classes})


def state_of(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


@pytest.fixture(scope="module")
def digits():
    return load("digits", (1, 8, 8), validation=0.2, share=0.5)


def test_what_a_point_depends_on() -> None:
    graph = network().ir
    first = ["stem", "bn1", "relu1"]
    assert layers_until(graph, "unit[1]") == (*first, *BODY)
    assert layers_until(graph, "unit") == layers_until(graph, "unit1")
    assert layers_until(graph, "stem") == ("stem",)
    # Inside a block: what lies beside the point is not part of it.
    assert layers_until(graph, "unit[1].conv[2]") == (*first, *BODY[:4])
    assert layers_until(graph, "unit[2].conv[3]") == (*first, *BODY, "unit2.conv3")
    with pytest.raises(ArchError) as caught:
        layers_until(graph, "units[2]")
    assert str(caught.value) == (
        "error[name]: no point of the network is called units[2]\n  help: did you mean unit2?"
    )


def test_frozen_layers_stay_and_the_rest_learns(digits, tmp_path) -> None:
    """Weights, statistics and their counters; under weight decay, a limit of norms and an average."""
    architecture = network()
    module = architecture.module(seed=0)
    frozen = layers_until(architecture.ir, "pool")
    before = state_of(module)
    modes: set[tuple[bool, bool]] = set()
    module.get_submodule("head").register_forward_pre_hook(
        lambda *_: modes.add((module.get_submodule("bn1").training, module.get_submodule("bn2").training))
    )
    recipe = Recipe(optimizer=terms.Sgd(lr=0.05, momentum=0.9, weight_decay=0.01), max_rms=0.1, ema=0.9)
    result = fit(module, digits, recipe, epochs=8, device="cpu", frozen=frozen, out=tmp_path)
    after = module.state_dict()
    changed = {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    assert changed == {name for name in before if name.startswith(("mix.", "bn2.", "head."))}
    assert modes == {(False, True), (False, False)}  # training, validation
    assert result.accuracy > 0.6 and result.history[-1].train_loss < result.history[0].train_loss / 2
    with pytest.raises(ArchError, match="another recipe or data set"):
        fit(network().module(), digits, recipe, device="cpu", out=tmp_path, resume=True)


def test_a_frozen_network_has_nothing_to_train(digits) -> None:
    architecture = network()
    with pytest.raises(ArchError, match="no weights to train"):
        fit(architecture.module(), digits, Recipe(), frozen=layers_until(architecture.ir, "head"))


def test_a_new_head_on_weights_in_our_names(tmp_path) -> None:
    """Of layers of another size nothing is taken, and not the first rows either."""
    source, architecture = network(10).module(seed=1), network(3)
    save_file(source.state_dict(), tmp_path / "state.safetensors")
    module = architecture.module(seed=2)
    head = state_of(module)
    start = carry_weights(module, architecture.ir, tmp_path / "state.safetensors")
    assert start.new == ("head",)
    assert set(start.carried) == {name.rpartition(".")[0] for name in head} - {"head"}
    for name, tensor in module.state_dict().items():
        expected = head[name] if name.startswith("head.") else source.state_dict()[name]
        assert torch.equal(tensor, expected), name


def test_a_new_head_on_foreign_weights(tmp_path) -> None:
    """Names from elsewhere: matched by structure."""
    architecture = blockdsl.parse("input 1x8x8 net CONV(6,3)-BN-RELU-CONV(8,3)-RELU-FC(3)")
    theirs = nn.Sequential(
        *(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 8, 3)),
        nn.Flatten(),
        nn.Linear(128, 10),
    )
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    module = architecture.module(seed=0)
    start = carry_weights(module, architecture.ir, tmp_path / "theirs.pth")
    assert (start.carried, start.new) == (("conv1", "bn1", "conv2"), ("fc1",))
    assert torch.equal(module.get_submodule("conv2").weight, theirs[3].weight)


def test_weights_of_which_nothing_fits(tmp_path) -> None:
    save_file({"head.weight": torch.zeros(5, 7)}, tmp_path / "other.safetensors")
    architecture = blockdsl.parse("input 1x8x8 net head:FC(10,bias=no)")
    with pytest.raises(ArchError, match=r"nothing in .* fits the network"):
        carry_weights(architecture.module(), architecture.ir, tmp_path / "other.safetensors")


SECOND = ["cpu:0", *(["cuda:0"] if torch.cuda.is_available() else [])]


@pytest.mark.parametrize("second", SECOND)
def test_towers_on_devices_of_their_own_are_trained_there(digits, second: str) -> None:
    """As on one device: the same steps, in float64, with an auxiliary head and an average."""
    architecture = blockdsl.parse("""
        input 1x8x8
        block tower = CONV(4,3)-RELU-FC(8)-TANH
        net [tower, tower]-CAT-AUX(side, FC(10))-FC(10)
    """)
    recipe = Recipe(precision="fp64", ema=0.9, clip=1.0)
    results = []
    for devices in ({}, {"tower[2]": second, "fc1": second}):
        module = architecture.module(seed=0)
        if devices:
            blockdsl.place(module, devices)
        result = fit(module, digits, recipe, epochs=2, device="cpu", auxiliaries={"side": 0.3})
        shares = predict(module, digits, recipe, digits.validation, device="cpu")
        results.append(([e.train_loss for e in result.history], shares))
    assert module.get_submodule("fc1").weight.device == torch.empty(0, device=second).device
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-9)
    torch.testing.assert_close(results[0][1], results[1][1])
