"""Dense evaluation: a network slid over larger images, at several scales (Sermanet et al. 2013)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from blockdsl.codegen.build import build
from blockdsl.ir import Graph


def dense_module(module: nn.Module, graph: Graph) -> nn.Module:
    """The module of a densified graph with the weights of the module that it came from.

    The two share their memory. The new one is in evaluation mode.
    """
    made = build(graph, device="meta")
    shapes = {name: tensor.shape for name, tensor in made.state_dict().items()}
    state = {
        name: tensor.reshape(shapes[name]) for name, tensor in module.state_dict().items() if name in shapes
    }
    made.load_state_dict(state, assign=True)
    return made.eval()


@torch.no_grad()
def multiscale(
    module: nn.Module,
    x: Tensor,
    sizes: Sequence[int | tuple[int, int]],
    *,
    flip: bool = True,
    over: Literal["mean", "max"] = "mean",
) -> Tensor:
    """Class probabilities (N, K) of images (N, C, H, W), over several sizes and the mirrored images.

    Each size gives a map of softmax answers, from which each class takes its mean or its maximum over
    the positions (VGG and ResNet take the mean; OverFeat the maximum, section 3.3); those of the
    sizes and of the mirrored images are averaged.

    Args:
        module: a dense network, which yields scores (N, K, rows, columns); it is set to evaluation.
        x: images, prepared as for training.
        sizes: (rows, columns), or the shorter side alone; images are resized bilinearly, antialiased.
        flip: whether the mirrored images take part.
        over: `mean` or `max`.
    """
    module.eval()
    answers = [_answer(module(view), over) for view in _views(x, sizes, flip)]
    return torch.stack(answers).mean(0)


def _answer(scores: Tensor, over: Literal["mean", "max"]) -> Tensor:
    shares = scores.softmax(1).flatten(2)
    return shares.mean(2) if over == "mean" else shares.amax(2)


def _views(x: Tensor, sizes: Sequence[int | tuple[int, int]], flip: bool) -> Iterator[Tensor]:
    rows, columns = x.shape[2:]
    for size in sizes:
        if isinstance(size, int):
            short = min(rows, columns)
            size = round(rows * size / short), round(columns * size / short)
        view = x if size == (rows, columns) else F.interpolate(x, size, mode="bilinear", antialias=True)
        yield view
        if flip:
            yield view.flip(3)
