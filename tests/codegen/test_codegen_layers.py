"""What our own modules compute, against formulas written out here or PyTorch's own."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from blockdsl.layers import (
    activation,
    conv,
    dropout,
    join,
    linear,
    norm,
    pool,
    scale,
    sequence,
    shape,
)

N = 4096


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


def rand(*size: int) -> Tensor:
    return torch.randn(*size, dtype=torch.float64)


def close(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b)


@pytest.mark.parametrize("table", [((0, 1, 2), (1, 2), (0, 3), (2,), (1, 0, 3)), ((3, 1),) * 2])
def test_table_convolution_is_a_convolution_with_missing_planes_zero(
    table: tuple[tuple[int, ...], ...],
) -> None:
    module = conv.TableConv2d(4, table, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2)).double()
    dense = torch.zeros(len(table), 4, 3, 2, dtype=torch.float64)
    planes = iter(module.weight)
    for output, row in enumerate(table):
        for channel in row:
            dense[output, channel] = next(planes)
    x = rand(2, 4, 9, 8)
    assert module.bias is not None
    nn.init.normal_(module.bias)
    close(module(x), F.conv2d(x, dense, module.bias, (2, 1), (1, 0), (1, 2)))


def test_subsample() -> None:
    module = pool.Subsample2d(2, (2, 2), (2, 2)).double()
    with torch.no_grad():
        module.weight.copy_(torch.tensor([0.5, -2.0]))
        module.bias.copy_(torch.tensor([1.0, 3.0]))
    x = rand(1, 2, 5, 4)
    y = module(x)
    assert y.shape == (1, 2, 2, 2)
    close(y[0, 1, 1, 0], -2 * (x[0, 1, 2, 0] + x[0, 1, 2, 1] + x[0, 1, 3, 0] + x[0, 1, 3, 1]) + 3)
    close(y[0, 0, 0, 1], 0.5 * (x[0, 0, 0, 2] + x[0, 0, 0, 3] + x[0, 0, 1, 2] + x[0, 0, 1, 3]) + 1)


def test_rbf_is_nearest_at_the_digits_own_picture() -> None:
    module = linear.RBF()
    assert module.codes.shape == (10, 84)
    assert set(module.codes.flatten().tolist()) == {-1.0, 1.0}
    distances = module(module.codes)
    close(distances.diagonal(), torch.zeros(10))
    assert (distances.fill_diagonal_(math.inf) >= 4 * 4).all(), "two pictures are nearly the same"
    x = torch.randn(3, 84)
    close(module(x), torch.cdist(x, module.codes).square())


def test_maxout() -> None:
    x = rand(2, 6, 3, 3)
    close(linear.Maxout(3)(x)[:, 1], torch.maximum(torch.maximum(x[:, 3], x[:, 4]), x[:, 5]))
    tokens = rand(2, 5, 4)
    close(linear.Maxout(2, dim=2)(tokens)[:, :, 0], torch.maximum(tokens[:, :, 0], tokens[:, :, 1]))


@pytest.mark.parametrize("groups", [1, 2])
def test_lrn_in_groups(groups: int) -> None:
    x, (size, alpha, beta, k) = rand(2, 8, 3, 3), (5, 0.7, 0.75, 2.0)
    y = norm.LocalResponseNorm2d(size, alpha, beta, k, groups=groups)(x)
    each = 8 // groups
    for c in range(8):
        tower = c // each * each
        near = [i for i in range(c - 2, c + 3) if tower <= i < tower + each]
        total = sum((x[:, i] ** 2 for i in near), torch.zeros(()))
        close(y[:, c], x[:, c] / (k + alpha / size * total) ** beta)


def test_lrn_within_channels() -> None:
    x = rand(1, 2, 5, 4)
    y = norm.LocalResponseNorm2d(3, 0.7, 0.75, 1.0, within=True)(x)
    for r in range(5):
        for c in range(4):
            window = x[:, :, max(r - 1, 0) : r + 2, max(c - 1, 0) : c + 2]
            total = (window**2).sum((2, 3))
            close(y[:, :, r, c], x[:, :, r, c] / (1 + 0.7 / 9 * total) ** 0.75)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("within", [False, True])
def test_lrn_in_half_precision_is_that_in_float32_rounded(dtype: torch.dtype, within: bool) -> None:
    x, module = rand(2, 8, 3, 3).to(dtype), norm.LocalResponseNorm2d(5, 0.7, 0.75, 2.0, within=within)
    y = module(x)
    assert y.dtype == dtype
    assert torch.equal(y, module(x.float()).to(dtype))


def test_layer_and_rms_norm_of_images_see_the_channels_of_a_position() -> None:
    x = rand(2, 6, 3, 4)
    mean, var = x.mean(1, keepdim=True), x.var(1, keepdim=True, unbiased=False)
    close(norm.LayerNorm2d(6, 1e-5).double()(x), (x - mean) / (var + 1e-5).sqrt())
    rms = (x.square().mean(1, keepdim=True) + 1e-5).sqrt()
    close(norm.RMSNorm2d(6, 1e-5).double()(x), x / rms)


def test_global_response_norm() -> None:
    x = rand(2, 3, 4, 5)
    module = norm.GlobalResponseNorm(3, 1e-6).double()
    close(module(x), x)
    nn.init.ones_(module.weight)
    g = x.square().sum((2, 3)).sqrt()
    n = g / (g.mean(1, keepdim=True) + 1e-6)
    close(module(x), x + x * n[:, :, None, None])
    tokens = norm.GlobalResponseNorm(3, 1e-6, dim=2).double()
    nn.init.ones_(tokens.weight)
    close(tokens(x.flatten(2).transpose(1, 2)), module(x).flatten(2).transpose(1, 2))


def test_l2_norm() -> None:
    x = rand(2, 3, 4, 5)
    y = norm.L2Norm(3, 20.0, 1e-12, axes=2).double()(x)
    close(y, 20 * x / x.square().sum(1, keepdim=True).sqrt())


@pytest.mark.parametrize("kind", [norm.FrozenBatchNorm1d, norm.FrozenBatchNorm2d])
def test_frozen_batch_norm_keeps_its_statistics(kind: type[nn.Module]) -> None:
    module = kind(3)
    x = torch.randn(4, 3, 2, 2) if kind is norm.FrozenBatchNorm2d else torch.randn(4, 3)
    close(module.train()(5 + x), (5 + x) / math.sqrt(1 + 1e-5))
    assert module.state_dict()["num_batches_tracked"] == 0


def test_activations() -> None:
    x = rand(5, 4)
    close(activation.ScaledTanh()(x), 1.7159 * torch.tanh(2 * x / 3))
    close(activation.Swish(1.5, learned=False)(x), x / (1 + (-1.5 * x).exp()))
    close(activation.CReLU()(x), torch.cat([x.clamp_min(0), (-x).clamp_min(0)], 1))
    close(activation.GatedUnit("gelu")(x), x[:, :2] * F.gelu(x[:, 2:]))
    close(activation.GatedUnit("none")(x), x[:, :2] * x[:, 2:])
    close(activation.Sine(30)(x), (30 * x).sin())


def test_signed_root_has_a_gradient_at_zero() -> None:
    x = torch.tensor([-4.0, 0.0, 9.0], requires_grad=True)
    y = activation.SignedSqrt()(x)
    y.sum().backward()
    close(y.detach(), torch.tensor([-2.0, 0.0, 3.0]))
    assert x.grad is not None
    close(x.grad, torch.tensor([1 / 4, 0.0, 1 / 6]))


def test_prelu_of_tokens_has_a_slope_for_each_feature() -> None:
    module = activation.TokenPReLU(2)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([0.5, 2.0]))
    close(module(-torch.ones(1, 3, 2)), torch.tensor([[[-0.5, -2.0]] * 3]))


def test_channels_move_as_declared() -> None:
    x = torch.arange(6.0).view(1, 6, 1, 1)
    assert shape.ChannelShuffle(2)(x).flatten().tolist() == [0, 3, 1, 4, 2, 5]
    assert shape.PadChannels(1, 2)(x + 1).flatten().tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 0]
    image = torch.arange(12.0).view(1, 1, 3, 4)
    assert shape.Crop((1, 2), (2, 2))(image).flatten().tolist() == [6, 7, 10, 11]


def test_tokens_stand_row_by_row() -> None:
    x = rand(2, 3, 4, 5)
    tokens = sequence.Tokens()(x)
    close(tokens[:, 1 * 5 + 2], x[:, :, 1, 2])
    close(sequence.Image((4, 5))(tokens), x)
    close(sequence.Take(-1)(tokens), x[:, :, 3, 4])
    token = sequence.ClassToken(3).double()
    close(token(tokens)[:, 1:], tokens)
    close(token(tokens)[:, 0], token.token[0].expand(2, -1))


@pytest.mark.parametrize("bias", [True, False])
def test_attention_is_pytorchs(bias: bool) -> None:
    ours = sequence.SelfAttention(12, 3, bias=bias).double()
    theirs = nn.MultiheadAttention(12, 3, bias=bias, batch_first=True).double()
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.normal_()
    theirs.load_state_dict(ours.state_dict())
    x = rand(2, 5, 12)
    close(ours(x), theirs(x, x, x, need_weights=False)[0])


def test_matrix_products() -> None:
    a, b = rand(2, 3, 4), rand(2, 4, 5)
    close(join.MatMul()(a, b), a @ b)
    close(join.MatMul(transposed=True)(a, b.mT.contiguous()), a @ b)


def test_scales() -> None:
    x = rand(2, 3, 4, 4)
    close(scale.LayerScale(3, 0.5, 2).double()(x), 0.5 * x)
    affine = scale.Affine(3, 2).double()
    close(affine(x), x)
    with torch.no_grad():
        affine.weight.copy_(torch.tensor([1.0, 2.0, 3.0]))
        affine.bias.copy_(torch.tensor([0.0, 0.0, 1.0]))
    close(affine(x)[:, 2], 3 * x[:, 2] + 1)


def within(share: float, p: float, draws: int) -> None:
    """A share of independent draws is within five standard deviations of its probability."""
    assert abs(share - p) < 5 * math.sqrt(p * (1 - p) / draws)


def test_drop_path_drops_samples_and_makes_up_for_it() -> None:
    y = dropout.DropPath(0.3, "sample")(torch.ones(N, 2, 3))
    assert (y == y[:, :1, :1]).all(), "a sample is kept or dropped as a whole"
    within((y[:, 0, 0] == 0).double().mean().item(), 0.3, N)
    close(y.max(), torch.tensor(1 / 0.7))


def test_drop_path_of_the_paper_drops_batches_and_scales_at_test() -> None:
    module = dropout.DropPath(0.3, "batch", "test")
    draws = torch.stack([module(torch.ones(2, 3)) for _ in range(N)])
    assert (draws == draws[:, :1, :1]).all(), "a mini-batch is kept or dropped as a whole"
    assert set(draws.flatten().tolist()) == {0.0, 1.0}
    within((draws[:, 0, 0] == 0).double().mean().item(), 0.3, N)
    close(module.eval()(torch.ones(2, 3)), torch.full((2, 3), 0.7))


def test_dropout_of_the_alexnet_paper_scales_at_test() -> None:
    module = dropout.Dropout(0.25, "element", "test")
    y = module(torch.ones(N))
    assert set(y.tolist()) == {0.0, 1.0}
    within((y == 0).double().mean().item(), 0.25, N)
    close(module.eval()(torch.ones(3)), torch.full((3,), 0.75))
    channels = dropout.Dropout(0.25, "channel", "test")(torch.ones(N, 2, 3, 3))
    assert (channels == channels[:, :, :1, :1]).all()
    assert not (channels[:, 0] == channels[:, 1]).all()


def test_drop_block_drops_squares() -> None:
    y = dropout.DropBlock2d(3, 0.1)(torch.ones(64, 8, 12, 12))
    dropped = y == 0
    # Equation 1 of the paper is right up to overlaps, which make the share a little smaller.
    assert 0.08 < dropped.double().mean().item() < 0.1
    squares = -F.max_pool2d(-dropped.double(), 3, 1)
    covered = F.max_pool2d(F.pad(squares, (2,) * 4), 3, 1)
    close(covered, dropped.double())
    close(y.mean(), torch.tensor(1.0))


def test_noise_is_of_training_only() -> None:
    module = dropout.GaussianNoise(0.5)
    y = module(torch.zeros(N))
    assert abs(y.std().item() - 0.5) < 5 * 0.5 / math.sqrt(2 * N)
    assert not module.eval()(torch.zeros(3)).any()


def fractal(module: join.FractalMean, inputs: int, draw: Tensor | None = None) -> set[int]:
    """Which inputs survive one forward pass, and that the result is the mean over them."""
    bits = [torch.full((1,), float(2**i), dtype=torch.float64) for i in range(inputs)]
    y = module(*bits, draw).item() if module.columns else module(*bits).item()
    for kept in range(1, 2**inputs):
        members = {i for i in range(inputs) if kept >> i & 1}
        if math.isclose(y, kept / len(members), rel_tol=1e-6):
            return members
    raise AssertionError(f"{y} is no mean over survivors")


def test_local_drop_path_keeps_at_least_one() -> None:
    module = join.FractalMean(0.5)
    survivors = [fractal(module, 3) for _ in range(N)]
    # All three are dropped with probability 1/8, and then each survives alone in a third of the cases.
    for i in range(3):
        within(sum(i in kept for kept in survivors) / N, 1 / 2 + 1 / 8 / 3, N)
        within(sum(kept == {i} for kept in survivors) / N, 1 / 8 + 1 / 8 / 3, N)
    within(sum(len(kept) == 3 for kept in survivors) / N, 1 / 8, N)
    assert fractal(module.eval(), 3) == {0, 1, 2}


@pytest.mark.parametrize(("column", "kept"), [(0, {0, 1}), (1, {0, 1}), (2, {0}), (3, {1})])
def test_global_drop_path_keeps_the_drawn_column(column: int, kept: set[int]) -> None:
    module = join.FractalMean(0.0, columns=4)
    assert fractal(module, 2, torch.tensor([0.4, (column + 0.5) / 4])) == kept
    assert fractal(module, 2, torch.tensor([0.6, (column + 0.5) / 4])) == {0, 1}


def test_sum_into_memory_that_nothing_else_reads() -> None:
    a, b, c = rand(3), rand(3), rand(3)
    expected = a + b + c
    close(join.Sum()(a, b, c), expected)
    before = b.clone()
    close(join.Sum(into=0)(a, b, c), expected)
    close(b, before)
