"""Other people's implementations, to hold ours against."""

from __future__ import annotations

import sys
from types import ModuleType

import torch

_SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def torchvision_models() -> ModuleType:
    """`torchvision.models`, also from a build without compiled operators.

    Such a build (torch for CPU beside a torchvision for CUDA) stops at operators that it registers
    shapes for and no classification network uses; declaring their schemas lets it go on.
    """
    try:
        from torchvision import models
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        for name, schema in _SCHEMAS.items():
            torch.library.define(f"torchvision::{name}", schema)
        from torchvision import models
    return models
