"""What the backward pass of an operation keeps of its forward pass, as PyTorch's autograd does it."""

from __future__ import annotations

from typing import NamedTuple


class Kept(NamedTuple):
    """Whether the inputs and the output are kept, and extra bytes per value of the output."""

    inputs: bool
    output: bool
    extra: int = 0


_INPUT = Kept(True, False)
_OUTPUT = Kept(False, True)
_NOTHING = Kept(False, False)
_EVERYTHING = Kept(True, True)

_BY_NAME: dict[str, Kept] = {
    # Sums, moves and joins: their gradients need no value of the forward pass.
    **dict.fromkeys(
        (
            "INPUT", "ID", "SUM", "CAT", "MEAN", "FLATTEN", "RESHAPE", "TOKENS", "IMAGE", "TRANSPOSE", "TAKE",
            "SPLIT", "SHUFFLE", "PAD", "PADCHANNELS", "CROP", "GAP", "SCALE", "NOISE", "CLSTOKEN", "POSITION",
            "UPSAMPLE", "RESIZE", "SPACETODEPTH", "DEPTHTOSPACE", "CHANNELMEAN", "AAP",
        ),
        _NOTHING,
    ),
    # The gradient is a function of the output.
    **dict.fromkeys(
        ("RELU", "SIGMOID", "TANH", "SOFTMAX", "LOGSOFTMAX", "EXP"),
        _OUTPUT,
    ),
    # The gradient is a function of the input (and of the weights, which are counted as such).
    **dict.fromkeys(
        (
            "CONV", "DWCONV", "DECONV", "UP", "FC", "BN", "LN", "GN", "IN", "MUL", "MATMUL", "DOT", "AVGPOOL",
            "RELU6", "LEAKY", "PRELU", "ELU", "SELU", "CELU", "GELU", "SILU", "HSWISH", "HSIGMOID", "MISH",
            "LOGSIGMOID", "HTANH", "SOFTPLUS", "THRESHOLD", "HSHRINK", "SSHRINK", "ABS", "SQUARE", "GLU",
            "SUBSAMPLE", "LAYERSCALE", "AFFINE",
        ),
        _INPUT,
    ),
    # Max pooling also keeps where each maximum was, as a 64-bit index.
    "POOL": Kept(True, False, 8),
    "GMP": Kept(True, False, 8),
    "AMP": Kept(True, False, 8),
    # Dropout keeps its mask: one byte a value where it drops elements.
    "DROPOUT": Kept(False, False, 4),
}  # fmt: skip


def kept_by(name: str) -> Kept:
    """What an operation keeps; input and output where nothing more exact is known of it."""
    return _BY_NAME.get(name, _EVERYTHING)
