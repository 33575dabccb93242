"""Stochastic depth and drop-path: short networks in training, the full one at test time."""

import pytest
import torch
from torch import Tensor, nn

import blockdsl
from blockdsl.training import fit, load, predict

STOCHASTIC_DEPTH = """
    input 1x8x8
    let units = 4
    block conv(c) = CONV(c,3,p1)-BN
    block unit(l) = (ID + conv(8)-RELU-conv(8)-DROPPATH(0.5*l/units, per=batch, rescale=test))-RELU
    net conv(8)-RELU-(unit(l) for l in 1..units)-GAP-FC(10)
"""
FRACTAL = """
    use "blocks/fractal.arch"
    input 1x8x8
    net fractal_block(8,3)-fractal_block(16,3)-FC(10)
"""
UNDROPPED = """
    input 1x8x8
    block conv(c) = CONV(c,3,p1)-BN(affine=no)-RELU
    block fractal(n, c) = if n == 1 then conv(c) else [conv(c), fractal(n-1,c)-join(n-1)-fractal(n-1,c)]
    block join(n) = if n == 1 then ID else MEAN
    block fractal_block(c) = fractal(3,c)-[POOL(2), POOL(2), POOL(2)]-join(3)
    net fractal_block(8)-fractal_block(16)-FC(10)
"""


def full_depth(module: nn.Module, x: Tensor) -> Tensor:
    """Every branch times the probability to be there (Huang et al. 2016, equation 5)."""
    x = module.get_submodule("conv1")(x).relu()
    for number in range(1, 5):
        unit = module.get_submodule(f"unit{number}")
        branch = unit.get_submodule("conv2")(unit.get_submodule("conv1")(x).relu())
        x = (x + (1 - 0.5 * number / 4) * branch).relu()
    scores: Tensor = module.get_submodule("fc1")(x.mean((2, 3)))
    return scores


def full_fractal(module: nn.Module, x: Tensor) -> Tensor:
    """The mean of all columns (Larsson et al. 2017, section 3)."""
    full = blockdsl.parse(UNDROPPED).module()
    full.load_state_dict(module.state_dict())
    scores: Tensor = full.eval()(x)
    return scores


@pytest.mark.parametrize(
    ("text", "full"), [(STOCHASTIC_DEPTH, full_depth), (FRACTAL, full_fractal)], ids=["depth", "fractal"]
)
def test_short_networks_are_trained_and_the_full_one_is_tested(text: str, full: object) -> None:
    architecture, data = blockdsl.parse(text), load("digits", (1, 8, 8), validation=0.2, share=0.5)
    module = architecture.module(seed=0)
    recipe = architecture.program.recipe.with_({"batch": 32})
    result = fit(module, data, recipe, epochs=3, device="cpu")
    assert result.outcome == "finished"
    assert result.history[-1].train_loss < result.history[0].train_loss
    shares = predict(module, data, recipe, data.validation, device="cpu")
    assert shares.equal(predict(module, data, recipe, data.validation, device="cpu"))
    x = torch.randn(5, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(module.eval()(x), full(module, x))  # type: ignore[operator]
        torch.manual_seed(0)
        module.train()
        drawn = {tuple(module(x).flatten().tolist()) for _ in range(16)}
    assert len(drawn) > 2
