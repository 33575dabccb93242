"""Scores of a network that need no training: from its graph, or from one batch through fresh weights.

Each takes a module, a batch of inputs (B, …), its labels (B,) and leaves the module's weights as they
are. Larger is meant to be better. Abdelfattah et al. (2021, arXiv:2101.08134) compare most of them.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

Proxy = Callable[[nn.Module, Tensor, Tensor], float]


def params(module: nn.Module, x: Tensor, labels: Tensor) -> float:
    """Number of parameters."""
    return float(sum(p.numel() for p in module.parameters()))


def macs(module: nn.Module, x: Tensor, labels: Tensor) -> float:
    """Multiply-adds of one sample in convolutions and linear layers: half of the FLOPs that torch counts."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        _copy(module).eval()(x[:1])
    return float(counter.get_total_flops() / 2)


def grad_norm(module: nn.Module, x: Tensor, labels: Tensor) -> float:
    """Euclidean norm of the loss's gradient (Abdelfattah et al., 2021, section 3.1)."""
    module = _copy(module).train()
    torch.autograd.backward(F.cross_entropy(_output(module(x)), labels))
    squares = [p.grad.double().square().sum() for p in module.parameters() if p.grad is not None]
    return float(torch.stack(squares).sum().sqrt()) if squares else 0.0


def synflow(module: nn.Module, x: Tensor, labels: Tensor) -> float:
    """log of the synaptic flow, sum of |w * dR/dw| for R = 1^T f(1) with absolute weights.

    Tanaka et al. (2020, arXiv:2006.05467, equation 2 with figure 1's data-free form). In float64 and
    eval mode, so that batch norms are the identity but for their scale; the sum overflows in float32.
    """
    module = _copy(module).double().eval()
    with torch.no_grad():
        for p in module.parameters():
            p.abs_()
    torch.autograd.backward(_output(module(torch.ones_like(x[:1], dtype=torch.float64))).sum())
    flows = [(p * p.grad).detach().abs().sum() for p in module.parameters() if p.grad is not None]
    return float(torch.stack(flows).sum().log()) if flows else 0.0


def jacob_cov(module: nn.Module, x: Tensor, labels: Tensor) -> float:
    """How little the Jacobians of the inputs resemble each other.

    -sum(log(v + k) + 1/(v + k)) over the eigenvalues v of their correlation matrix, k = 1e-5 (Mellor et
    al., "Neural Architecture Search without Training", first version, 2020, arXiv:2006.04647v1).
    """
    x = x.clone().requires_grad_()
    torch.autograd.backward(_output(_copy(module).train()(x)).sum())
    assert x.grad is not None
    rows = x.grad.flatten(1).double()
    correlation = torch.nan_to_num(torch.corrcoef(rows))
    values = torch.linalg.eigvalsh(correlation) + 1e-5
    return -float((values.clamp_min(1e-5).log() + 1 / values.clamp_min(1e-5)).sum())


def naswot(module: nn.Module, x: Tensor, labels: Tensor) -> float:
    """log|det K|, K[i,j] = in how many ReLUs inputs i and j fall on the same side.

    Mellor et al. (2021, arXiv:2006.04647v3, section 3). A network without ReLUs scores 0.
    """
    module = _copy(module).train()
    kernel = torch.zeros(len(x), len(x), dtype=torch.float64)

    def count(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        active = (output.detach() > 0).flatten(1).double()
        kernel.add_((active @ active.T + (1 - active) @ (1 - active).T).cpu())

    for layer in module.modules():
        if isinstance(layer, nn.ReLU | nn.ReLU6):
            layer.register_forward_hook(count)
    with torch.no_grad():
        module(x)
    return float(torch.linalg.slogdet(kernel)[1]) if kernel.any() else 0.0


def zen(module: nn.Module, x: Tensor, labels: Tensor) -> float:
    """log of how much the features before the last layer move with the input, plus the scales of batch norms.

    Lin et al. (2021, "Zen-NAS", arXiv:2102.01063, algorithm 1) with Gaussian inputs and weights as they
    were drawn: log E|f(x) - f(x + 0.01 e)| + sum over batch norms of log sqrt(mean variance).
    """
    module = _copy(module).train()
    generator = torch.Generator().manual_seed(0)
    noise = [torch.randn(x.shape, generator=generator).to(x) for _ in range(2)]
    found: list[Tensor] = []
    scales: list[float] = []

    def before(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found[:] = [inputs[0].detach()]

    def scale(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        variance = inputs[0].detach().double().transpose(0, 1).flatten(1).var(1, correction=0)
        scales.append(float(variance.mean().clamp_min(1e-12).log()) / 2)

    last = [m for m in module.modules() if isinstance(m, nn.Linear | nn.Conv2d)][-1:]
    for layer in last:
        layer.register_forward_pre_hook(before)
    features = []
    with torch.no_grad():
        norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d)]
        hooks = [m.register_forward_pre_hook(scale) for m in norms]
        for inputs in (noise[0], noise[0] + 0.01 * noise[1]):
            module(inputs)
            features += found
            for hook in hooks:
                hook.remove()
    if len(features) < 2:
        return 0.0
    moved = (features[0] - features[1]).double().abs().flatten(1).sum(1).mean()
    return float(moved.clamp_min(1e-12).log()) + sum(scales)


PROXIES: dict[str, Proxy] = {
    "params": params,
    "macs": macs,
    "synflow": synflow,
    "jacob_cov": jacob_cov,
    "naswot": naswot,
    "grad_norm": grad_norm,
    "zen": zen,
}
"""Proxies by name, as `score(name)` names them."""


def _copy(module: nn.Module) -> nn.Module:
    """A copy in which nothing is written in place, since proxies look at what layers pass on."""
    module = copy.deepcopy(module)
    for layer in module.modules():
        if hasattr(layer, "inplace"):
            setattr(layer, "inplace", False)  # noqa: B010 - of any class
    return module


def _output(y: Any) -> Tensor:
    """The first output, without auxiliary ones."""
    return y if isinstance(y, Tensor) else _output(y[0])
