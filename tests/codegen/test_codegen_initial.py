"""How weights start: distributions, places, and what keeps its own beginning."""

import math

import pytest
import torch
from torch import Tensor, nn

from blockdsl.codegen import build
from blockdsl.diagnostics import ArchError
from blockdsl.ir import Graph
from blockdsl.lowering import lower
from blockdsl.recipe import initial
from blockdsl.recipe.term import Term, terms_of
from blockdsl.source import Source
from blockdsl.syntax.parser import parse

NET = """
    input 64x4x4
    block unit(c) = CONV(c,3,p1)-BN-RELU
    net stem:CONV(128,3,p1)-unit(128)*2-GAP-FC(256)-LAYERSCALE(0.1)
"""


def graph_of(text: str) -> Graph:
    return lower(parse(Source("net.arch", text))).graph


def built(*terms: Term) -> nn.Module:
    return build(graph_of(NET), init=terms, seed=0)


def spread(weight: Tensor, std: float) -> None:
    """Mean 0 and this standard deviation, within five standard errors (of a normal distribution)."""
    n = weight.numel()
    assert abs(weight.mean().item()) < 5 * std / math.sqrt(n)
    assert abs(weight.std().item() - std) < 5 * std / math.sqrt(2 * n)


FAN_IN, FAN_OUT = 64 * 9, 128 * 9


@pytest.mark.parametrize(
    ("term", "std", "limit"),
    [
        (initial.He(), math.sqrt(2 / FAN_OUT), None),
        (initial.He(mode="fan_in"), math.sqrt(2 / FAN_IN), None),
        (initial.He(uniform=True), math.sqrt(2 / FAN_OUT), math.sqrt(6 / FAN_OUT)),
        (initial.Xavier(), math.sqrt(2 / (FAN_IN + FAN_OUT)), math.sqrt(6 / (FAN_IN + FAN_OUT))),
        (initial.Xavier(uniform=False), math.sqrt(2 / (FAN_IN + FAN_OUT)), None),
        (initial.Lecun(), 2.4 / FAN_IN / math.sqrt(3), 2.4 / FAN_IN),
        (initial.Lecun(limit=1, root=True), math.sqrt(1 / FAN_IN / 3), math.sqrt(1 / FAN_IN)),
        (initial.Normal(std=0.01), 0.01, None),
        # A normal distribution cut off at two standard deviations keeps 0.88 of its spread.
        (initial.TruncatedNormal(std=0.02), 0.02 * 0.8796, 0.04),
        (initial.Uniform(limit=0.05), 0.05 / math.sqrt(3), 0.05),
    ],
    ids=str,
)
def test_distribution(term: Term, std: float, limit: float | None) -> None:
    weight = built(term).get_submodule("stem").weight
    spread(weight, std)
    top = weight.abs().max().item()
    assert top > 3.5 * std if limit is None else 0.98 * limit < top <= limit * (1 + 1e-6)


def test_every_term_has_a_rule() -> None:
    for kind in terms_of("init").values():
        built(kind())


def test_he_is_the_default() -> None:
    default, he = build(graph_of(NET), seed=0), built(initial.He())
    torch.testing.assert_close(default.state_dict(), he.state_dict())


def test_he_starts_as_pytorchs_function() -> None:
    weight = built(initial.He()).get_submodule("stem").weight
    torch.manual_seed(0)
    expected = nn.init.kaiming_normal_(torch.empty_like(weight), mode="fan_out", nonlinearity="relu")
    torch.testing.assert_close(weight.data, expected)


def test_transposed_convolution_swaps_its_fans() -> None:
    module = build(graph_of("input 64x4x4 net UP(2,256)"), seed=0, init=initial.He())
    spread(module.get_submodule("up1").weight, math.sqrt(2 / (256 * 4)))


def test_table_convolution_starts_by_its_own_fans() -> None:
    rows = ",".join(["[0,1]"] * 100 + ["[1]"] * 100)
    text = f"input 2x9x9 net CONV(200,7,table=[{rows}])"
    weight = build(graph_of(text), seed=0, init=initial.He(mode="fan_in")).get_submodule("conv1").weight
    assert weight.shape == (300, 7, 7)
    spread(weight[:200], math.sqrt(2 / (2 * 49)))
    spread(weight[200:], math.sqrt(2 / 49))


def test_biases_norms_and_scales() -> None:
    module = built(initial.Normal(bias=1.0))
    assert (module.get_submodule("stem").bias == 1).all()
    norm = module.get_submodule("unit1.bn1")
    assert (norm.weight == 1).all() and (norm.bias == 0).all()
    assert (norm.running_mean == 0).all() and (norm.running_var == 1).all()
    assert torch.equal(module.get_submodule("layerscale1").weight, torch.full((256,), 0.1))
    spread(built(initial.Normal(bias_std=0.5)).get_submodule("fc1").bias, 0.5)
    spread(built(initial.Uniform(limit=0.1)).get_submodule("fc1").bias, 0.1 / math.sqrt(3))
    assert not built(initial.He()).get_submodule("fc1").bias.any()


@pytest.mark.parametrize("path", ["unit[2].conv[1]", "unit2.conv1", "unit[2].conv", "unit2.conv[1]"])
def test_later_terms_override_at_their_places(path: str) -> None:
    module = built(
        initial.Normal(std=0.01),
        initial.Normal(std=0.5, at=("unit2", "stem")),
        initial.Normal(std=0.1, at=(path,)),
    )
    stds = {"stem": 0.5, "unit1.conv1": 0.01, "unit2.conv1": 0.1, "fc1": 0.01}
    for name, std in stds.items():
        spread(module.get_submodule(name).weight, std)


def test_a_place_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ArchError) as caught:
        built(initial.Normal(at=("stam",)))
    assert str(caught.value) == (
        "error[name]: no layer or block of `init` is called stam\n  help: did you mean stem?"
    )


def test_codes_of_the_rbf_output_are_no_weights() -> None:
    module = build(graph_of("input 84 net FC(84)-RBF"), init=initial.Normal(), seed=0)
    assert set(module.get_submodule("rbf1").codes.flatten().tolist()) == {-1.0, 1.0}
