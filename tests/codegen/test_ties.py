"""Layers that use another layer's weight (`tie=`), against plain PyTorch, from the text to every file."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import onnxruntime
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from safetensors.torch import load_file
from torch import Tensor, nn

import blockdsl
from blockdsl.analysis.canonical import canonical_hash
from blockdsl.architecture import Architecture
from blockdsl.codegen import check_module, place
from blockdsl.diagnostics import ArchError
from blockdsl.ir import module_name
from tests.graphs import lookup

AUTOENCODER = "input 20 net enc:FC(6)-TANH-out:FC(20,tie=enc)"


class Autoencoder(nn.Module):
    """The decoder has the encoder's weight, transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.enc = nn.Linear(20, 6)
        self.out = nn.Module()
        self.out.bias = nn.Parameter(torch.zeros(20))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(self.enc(x).tanh(), self.enc.weight.t(), self.out.bias)


BLOCKS = """
input 6x5x5
block unit(c) = squeeze:CONV(c,1)-TANH-CONV(6,1,tie=squeeze)
block two = unit(3)-RELU-unit(3)
shared s = CONV(6,3,p1)-BN
net two-s-two-s-last:CONV(6,3,p1,bias=no,tie=s)
"""


class Unit(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(6, 3, 1)
        self.conv1 = nn.Module()
        self.conv1.bias = nn.Parameter(torch.zeros(6))

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze(x).tanh()
        return F.conv2d(x, self.squeeze.weight.transpose(0, 1), self.conv1.bias)


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.unit1, self.unit2 = Unit(), Unit()

    def forward(self, x: Tensor) -> Tensor:
        return self.unit2(torch.relu(self.unit1(x)))


class Blocks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.two1 = Two()
        self.s = nn.Sequential()
        self.s.conv1, self.s.bn1 = nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.two2 = Two()

    def forward(self, x: Tensor) -> Tensor:
        y = self.s(self.two2(self.s(self.two1(x))))
        return F.conv2d(y, self.s.conv1.weight, padding=1)


BY_HAND = {"autoencoder": (AUTOENCODER, Autoencoder), "blocks": (BLOCKS, Blocks)}
every = pytest.mark.parametrize("name", BY_HAND)


def made(name: str) -> tuple[Architecture, nn.Module, nn.Module, Tensor]:
    """A network, its module, the one by hand with its weights, and an input."""
    text, cls = BY_HAND[name]
    net = blockdsl.parse(text)
    ours = net.module(seed=0).double()
    for parameter in ours.parameters():
        nn.init.normal_(parameter, std=0.3)
    theirs = cls().double()
    theirs.load_state_dict(ours.state_dict())
    return net, ours, theirs, torch.randn(3, *net.input_shape, dtype=torch.float64)


@every
def test_values_and_gradients_are_those_of_plain_torch(name: str) -> None:
    net, ours, theirs, x = made(name)
    check_module(net.ir, net.module())
    for training in (False, True):
        found, wanted = ours.train(training)(x), theirs.train(training)(x)
        torch.testing.assert_close(found, wanted)
        gradients = (
            torch.autograd.grad(y.sin().sum(), list(module.parameters()))
            for y, module in ((found, ours), (wanted, theirs))
        )
        for one, other in zip(*gradients, strict=True):
            torch.testing.assert_close(one, other)


@every
def test_the_weight_is_there_once(name: str) -> None:
    net, ours, theirs, _ = made(name)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    numbers = sum(parameter.numel() for parameter in theirs.parameters())
    assert net.summary().params == sum(parameter.numel() for parameter in ours.parameters()) == numbers
    assert net.summary().memory.weights == 4 * sum(t.numel() for t in theirs.state_dict().values())


@every
def test_copies_keep_the_tie(name: str) -> None:
    _, ours, _, x = made(name)
    for other in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        torch.testing.assert_close(other.eval()(x), ours.eval()(x))
        assert {id(p) for p in other.parameters()}.isdisjoint(id(p) for p in ours.parameters())
        (first, *_) = other.parameters()
        first.data.zero_()
        assert not torch.equal(other(x), ours(x))


@every
def test_written_files(name: str, tmp_path: Path) -> None:
    net, ours, theirs, x = made(name)
    ours, x = ours.float().eval(), x.float()
    files = [tmp_path / f"net.{end}" for end in ("py", "pt2", "onnx", "json", "safetensors")]
    net.export(*files, module=ours)
    wanted = ours(x)
    written = _imported(files[0])
    assert list(written.state_dict()) == list(ours.state_dict())
    written.load_state_dict(ours.state_dict())
    torch.testing.assert_close(written.eval()(x), wanted)
    torch.testing.assert_close(torch.export.load(files[1]).module()(x), wanted)
    session = onnxruntime.InferenceSession(files[2])
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    torch.testing.assert_close(torch.from_numpy(found), wanted, rtol=1e-4, atol=1e-5)
    ties = json.loads(files[3].read_text())["graph"]["ties"]
    assert len(ties) == {"autoencoder": 1, "blocks": 5}[name]
    weights = load_file(files[4])
    assert weights.keys() == theirs.state_dict().keys()


def _imported(file: Path) -> nn.Module:
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("written", file)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.Network()
    assert isinstance(network, nn.Module)
    return network


def test_written_weights_begin_as_built_ones(tmp_path: Path) -> None:
    net = blockdsl.parse(f"{AUTOENCODER} train init = normal(std=0.5, bias=2)")
    net.export(tmp_path / "net.py")
    for module in (net.module(seed=0), _imported(tmp_path / "net.py")):
        state = module.state_dict()
        assert list(state) == ["enc.weight", "enc.bias", "out.bias"]
        assert 0.3 < state["enc.weight"].std() < 0.7
        assert state["enc.bias"].eq(2).all() and state["out.bias"].eq(2).all()


def test_a_tie_to_a_tied_layer_is_one_to_the_first() -> None:
    net = blockdsl.parse("input 5 net a:FC(3)-b:FC(5,tie=a)-c:FC(3,tie=b,bias=no)")
    assert {module_name(k): module_name(v) for k, v in net.ir.ties.items()} == {"b": "a", "c": "a"}
    module = net.module(seed=0)
    weight, x = module.get_parameter("a.weight"), torch.randn(2, 5)
    y = F.linear(
        F.linear(x, weight, module.get_parameter("a.bias")), weight.t(), module.get_parameter("b.bias")
    )
    torch.testing.assert_close(module(x), F.linear(y, weight))


def test_a_tie_to_what_ids_are_looked_up_in() -> None:
    with lookup():
        net = blockdsl.parse("input ids 7 shared words = LOOKUP net words-FC(5,tie=words,bias=no)")
        module, ids = net.module(seed=0), torch.randint(5, (2, 7))
    table = module.get_parameter("words.weight")
    torch.testing.assert_close(module(ids), table[ids] @ table.t())


@pytest.mark.parametrize(
    "text",
    [
        "block half(e) = FC(6,tie=e) shared enc = FC(3) net enc-half(enc)",  # handed to a block
        "net box:(RELU-enc:FC(3))-rest:(TANH-FC(6,tie=box.enc))",  # in brackets with labels
        "net (a:FC(3)-RELU-FC(6,tie=a))-TANH",
        "net (a:FC(6)-RELU)*2-FC(6,tie=a[2])",
        "net (a:FC(6)-RELU-FC(6,tie=a[1]))*2",
        "net FC(3)-RELU-FC(6,tie=fc[1])",  # by its number
        "shared ae = enc:FC(3)-RELU-FC(6,tie=enc) net ae-TANH-ae",  # both inside of a shared network
        "block ae = shared enc = FC(3) enc-FC(6,tie=enc) net ae-ae",
        "net FC(6)-AUX(head, FC(4)-RELU)-RELU-AUX(other, FC(6,tie=fc))-FC(2)",
    ],
)
def test_where_the_name_is_found(text: str) -> None:
    net = blockdsl.parse(f"input 6 {text}")
    module = net.module(seed=0)
    check_module(net.ir, module)
    assert net.ir.ties
    owners = {f"{module_name(owner)}.weight" for owner in net.ir.ties.values()}
    tied = {f"{module_name(one)}.weight" for one in net.ir.ties}
    assert owners <= set(module.state_dict()) and tied.isdisjoint(module.state_dict())


def test_the_identity_tells_tied_from_not_tied_and_from_tied_to_another() -> None:
    def identity(text: str) -> str:
        return canonical_hash(blockdsl.parse(f"input 6 net {text}").ir)

    tied = identity("a:FC(6)-RELU-b:FC(6)-RELU-FC(6,tie=a)")
    assert tied == identity("one:FC(6)-RELU-two:FC(6)-RELU-FC(6,tie=one)")
    assert tied != identity("a:FC(6)-RELU-b:FC(6)-RELU-FC(6)")
    assert tied != identity("a:FC(6)-RELU-b:FC(6)-RELU-FC(6,tie=b)")
    assert identity("a:FC(3)-FC(6,tie=a)") != identity("a:FC(3)-FC(6)")


def test_counts_and_pictures() -> None:
    net = blockdsl.parse(AUTOENCODER)
    summary = net.summary()
    assert (summary.params, summary.macs, summary.depth) == (20 * 6 + 6 + 20, 2 * 20 * 6, 2)
    assert b"weight of enc" in net.picture("dot")


@pytest.mark.parametrize(
    ("text", "chosen", "frozen"),
    [
        (
            "block ae(w) = enc:FC(w)-{RELU,TANH}-FC(20,tie=enc)\nnet ae({8,16})-ae({8,16})",
            {"ae[1].w": 8, "ae[2].w": 16, "ae[2].choice[1]": "TANH"},
            "block ae(w) = enc:FC(w)-RELU-FC(20,tie=enc)\nblock ae_2(w) = enc:FC(w)-TANH-FC(20,tie=enc)\n"
            "net ae(8)-ae_2(16)",
        ),
        (  # a label of a round that is written out
            "net (a:FC(6)-{RELU,TANH}-b:FC(20))*2-FC(6,tie=a[2])",
            {"choice[1]": "RELU", "choice[2]": "TANH"},
            "net a1:FC(6)-RELU-b1:FC(20)-a2:FC(6)-TANH-b2:FC(20)-FC(6,tie=a[2])",
        ),
    ],
)
def test_frozen_spaces_keep_their_ties(text: str, chosen: dict[str, object], frozen: str) -> None:
    space = blockdsl.Space.parse(f"input 20\n{text}")
    candidate = space.choose(chosen, first=True)
    lines = [line for line in candidate.text().splitlines() if line.startswith(("block", "net"))]
    assert lines == frozen.splitlines()
    assert canonical_hash(candidate.frozen_program().graph) == canonical_hash(candidate.program.graph)


def test_opened_and_compared() -> None:
    net = blockdsl.parse("input 20\nblock ae(w) = enc:FC(w)-RELU-FC(20,tie=enc)\nnet ae(8)")
    opened = net.open(width=[0.5, 1, 2])
    assert sorted(c.summary.params for c in opened.space.enumerate()) == [20 * w + w + 20 for w in (4, 8, 16)]
    untied = blockdsl.parse("input 20\nblock ae(w) = enc:FC(w)-RELU-FC(20)\nnet ae(8)")
    assert "FC(20,tie=enc) -> FC(20)" in str(net.diff(untied))


def test_weights_from_elsewhere() -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Linear(20, 6)
            self.decoder_bias = nn.Parameter(torch.randn(20))

        def forward(self, x: Tensor) -> Tensor:
            return F.linear(self.encoder(x).tanh(), self.encoder.weight.t(), self.decoder_bias)

    theirs, x = Functional(), torch.randn(3, 20)
    module, _ = blockdsl.parse(AUTOENCODER).carry(theirs.state_dict())
    torch.testing.assert_close(module(x), theirs(x))


def test_weights_that_are_twice_in_a_state_dict() -> None:
    theirs = nn.Sequential(nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 5))
    theirs[2].weight = theirs[0].weight
    module, _ = blockdsl.parse("input 5 net a:FC(5)-RELU-FC(5,tie=a)").carry(theirs.state_dict())
    x = torch.randn(3, 5)
    torch.testing.assert_close(module(x), theirs(x))


def test_a_tied_layer_is_where_its_weight_is() -> None:
    net = blockdsl.parse(AUTOENCODER)
    module = place(net.module(device="cpu"), {"enc": "cpu"})
    module(torch.randn(2, 20))
    with pytest.raises(ArchError, match="out has the weight of enc, which is on meta"):
        place(net.module(), {"enc": "meta", "out": "cpu"})
    moved = place(net.module(), {"enc": "meta"})
    assert moved.out.bias.is_meta


def test_dense_evaluation_refuses_a_tie() -> None:
    net = blockdsl.parse("input 3x8x8 net CONV(4,3)-GAP-a:FC(4)-FC(4,tie=a)")
    with pytest.raises(ArchError, match="cannot slide over a larger image: it has the weight of a"):
        blockdsl.dense(net)
