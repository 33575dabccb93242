"""Names that mean something in Python or PyTorch, in every position where a file has names."""

import keyword

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import blockdsl
from blockdsl.codegen import attributes
from blockdsl.export.python.names import unique
from blockdsl.ir import Segment
from tests.export.running import agree

HOSTILE = [
    "class", "from", "lambda", "None", "True", "del", "async", "match", "type",  # Python's words
    "self", "super", "range", "len", "print", "list", "float", "id", "__init__", "__class__", "__x",
    "_", "__", "torch", "nn", "F", "f", "x", "y", "Tensor", "tensor", "Network", "module", "name", "i",
    "draw", "model", "forward", "training", "weight", "bias", "children", "add_module", "state_dict",
    "parameters", "append", "forward_", "None_", "_dunder__x", "Conv", "conv", "Sequential", "Mean", "Sum",
    "classes", "annotations", "code", "graph", "meta",
]  # fmt: skip

POSITIONS = {
    "a label": "net CONV(4,3,p1)-({n}:(CONV(4,1)-BN) + ID)-RELU-GAP-FC(3)",
    "a label of a tensor that is kept": (
        "net {n}:CONV(4,3,p1)-RELU-(CONV(4,1)-RELU-CONV(4,1)-RELU-CONV(4,1)-RELU-CONV(4,1)|ID|RELU)-FC(3)"
    ),
    "a block": "block {n}(c) = CONV(c,1)-RELU-CONV(2*c,3,p1)\nnet {n}(4)-{n}(6)-({n}(3)+CONV(6,1))-FC(2)",
    "a block without arguments": "block {n} = (CONV(8,3,p1)-RELU)+ID\nnet CONV(8,1)-{n}-{n}-FC(2)",
    "a parameter of a block": (
        "block unit({n}, k=1) = CONV({n},k,pad=k//2)-RELU-(CONV({n},1)+ID)\nnet unit(4)-unit(6,3)-unit(8,k=3)"
    ),
    "a parameter of the file": "param {n} = 4\nnet CONV({n},1)-RELU-FC({n})",
    "a let": "net let {n} = in-CONV(4,1) (({n}-RELU)|{n}|({n}-CONV(2,1)))-FC(3)",
    "a variable of a loop": "net (CONV(2*{n},1)-RELU for {n} in 1..3)-FC(2)",
    "an auxiliary head": "net CONV(4,1)-AUX({n}, GAP-FC(2))-RELU-FC(3)",
    "a repeated label": "block unit(c) = {n}:CONV(c,1)-RELU\nnet unit(4)*3-FC(2)",
}


@pytest.mark.parametrize("position", POSITIONS)
def test_hostile_names(position: str) -> None:
    tried = 0
    for name in HOSTILE:
        try:
            net = blockdsl.parse(f"input 3x8x8\n{POSITIONS[position].replace('{n}', name)}")
        except blockdsl.ArchError:
            continue  # no name in the language there, or taken by it
        agree(net)
        tried += 1
    assert tried > len(HOSTILE) // 2


@pytest.mark.parametrize(
    "title",
    ['a "quoted" one', "back\\slash\\", '"""', "'''", "1st net", "ünïcode", "None", "F", "torch", "", "…"],
)
def test_hostile_titles(title: str) -> None:
    written = title.replace('"', "'")
    agree(blockdsl.parse(f'title "{written}"\npaper "{written}"\ninput 3x8x8\nnet CONV(4,1)-FC(3)'))


@pytest.mark.parametrize(
    "text",
    [
        "net GMP-MEAN(ID, ABS, drop=0.15)-FC(3)",
        "net CONV(4,1)-GAP-FLATTEN-MEAN(ID,ABS,drop=0.15)-MEAN(ID,RELU,ABS)-FC(3)",
        "net TOKENS-MEAN(ID, ABS, drop=0.15)-GAP-FC(3)",
        "net TOKENS-GAP-MAX(ID, ABS)-FC(4)-MAX(ID, ABS, RELU)-FC(3)",
        "block mean(c) = CONV(c,1)-RELU-(CONV(c,3,p1)+ID)\nnet mean(4)-GAP-MEAN(ID,ABS,drop=0.1)-FC(3)",
        "block linear(c) = CONV(c,1)-RELU\nblock conv2d(c) = linear(c)*2\nnet conv2d(4)-conv2d(8)-FC(2)",
    ],
)
def test_layers_that_are_called_alike(text: str) -> None:
    agree(blockdsl.parse(f"input 3x8x8\n{text}"))


NAMES = st.one_of(st.sampled_from(HOSTILE), st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True))


@settings(max_examples=40)
@given(st.lists(NAMES, min_size=5, max_size=5, unique=True))
def test_many_hostile_names_at_once(names: list[str]) -> None:
    block, parameter, label, other, let = names
    text = (
        f"input 3x8x8\nblock {block}({parameter}) = {label}:CONV({parameter},3,p1)-({other}:BN-RELU + ID)\n"
        f"net let {let} = in-{block}(4) ({let} | ({let}-{block}(6)))-{other}:RELU-FC(3)"
    )
    try:
        net = blockdsl.parse(text)
    except blockdsl.ArchError:
        return
    agree(net)


@given(st.text(max_size=8), st.sets(st.sampled_from(["a", "a_", "b", "x", "self", "value"])))
def test_a_unique_name_is_legal_and_free(wanted: str, taken: set[str]) -> None:
    name = unique(wanted, taken)
    assert name.isidentifier() and not keyword.iskeyword(name) and name not in taken
    assert name not in ("torch", "nn", "F", "super", "range") and not name.startswith("__")


def test_labels_with_underscores_stay_different_and_hide_no_method() -> None:
    labels = [f"{stem}{'_' * n}" for stem in ("requires_grad", "code", "None", "mine") for n in range(4)]
    names = [attributes((Segment(label),))[0] for label in labels]
    assert len(set(names)) == len(labels) and not {*dir(nn.Module()), "code", "None"} & set(names)
    net = blockdsl.parse("input 3x8x8 net requires_grad_:CONV(4,1)-requires_grad:CONV(5,1)")
    assert not any(p.requires_grad for p in net.module(seed=0).requires_grad_(False).parameters())


def test_different_labels_stay_different_modules() -> None:
    net = blockdsl.parse(
        "input 3x8x8\nnet forward:CONV(4,1)-forward_:CONV(5,1)-forward__:CONV(6,1)-None:RELU"
    )
    module = net.module(seed=0)
    assert {len(p) for p in module.parameters()} == {4, 5, 6}
    assert module(torch.zeros(1, 3, 8, 8)).shape == (1, 6, 8, 8)
