"""Other people's implementations, to hold ours against."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import torch

_SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_declared: list[torch.library.Library] = []


def declare_operators() -> bool:
    """Let `import torchvision` succeed for a build whose compiled operators do not load; whether that was so.

    Such a build (torch for CPU beside a torchvision for CUDA) stops at operators that it registers
    shapes for and no classification network uses; declaring their schemas lets it go on.
    """
    if _declared:
        return True
    spec = find_spec("torchvision")
    assert spec is not None and spec.origin is not None, "torchvision is a test extra"
    for library in Path(spec.origin).parent.glob("_C*"):
        try:
            torch.ops.load_library(str(library))
        except OSError:
            continue
        return False
    made = torch.library.Library("torchvision", "DEF")
    for name, schema in _SCHEMAS.items():
        made.define(name + schema)
    _declared.append(made)
    return True


def torchvision_models() -> ModuleType:
    """`torchvision.models`."""
    declare_operators()
    from torchvision import models

    return models
