"""What the backward pass of an operation keeps of its forward pass, as PyTorch's autograd does it.

A test compares this with the tensors that autograd saves (`torch.autograd.graph.saved_tensors_hooks`).
"""

from __future__ import annotations

from typing import NamedTuple


class Kept(NamedTuple):
    """Whether the inputs and the output are kept, and extra bytes per value of the output.

    Statistics of a few values a channel are left out.
    """

    inputs: bool
    output: bool
    extra: int = 0


_BY_NAME: dict[str, Kept] = {
    # Sums, moves and joins: their gradients need no value of the forward pass.
    **dict.fromkeys(
        (
            "INPUT", "ID", "SUM", "CAT", "MEAN", "FLATTEN", "RESHAPE", "TOKENS", "IMAGE", "TRANSPOSE", "TAKE",
            "SPLIT", "SHUFFLE", "PAD", "PADCHANNELS", "CROP", "GAP", "SCALE", "NOISE", "CLSTOKEN", "POSITION",
            "UPSAMPLE", "RESIZE", "SPACETODEPTH", "DEPTHTOSPACE", "CHANNELMEAN", "DROPPATH",
        ),
        Kept(False, False),
    ),
    # The gradient is a function of the output.
    **dict.fromkeys(
        ("RELU", "SIGMOID", "TANH", "SOFTMAX", "LOGSOFTMAX", "EXP", "CRELU"), Kept(False, True)
    ),
    # The gradient is a function of the input (and of the weights, which are counted as such).
    **dict.fromkeys(
        (
            "CONV", "DWCONV", "DECONV", "UP", "FC", "BN", "LN", "GN", "IN", "L2NORM", "MUL", "MATMUL", "DOT",
            "AVGPOOL", "AAP", "MAX", "RELU6", "LEAKY", "PRELU", "ELU", "SELU", "CELU", "GELU", "SILU",
            "HSWISH", "HSIGMOID", "MISH", "HTANH", "SOFTPLUS", "THRESHOLD", "HSHRINK", "SSHRINK", "ABS",
            "SQUARE", "GLU", "LAYERSCALE", "AFFINE",
        ),
        Kept(True, False),
    ),
    # One more tensor beside the input: noise, a gate, a normalised copy, a sum before its scale.
    **dict.fromkeys(
        ("RRELU", "SWISH", "LOGSIGMOID", "SOFTSIGN", "SUBSAMPLE", "RMSNORM", "GRN"), Kept(True, False, 4)
    ),
    # A tensor of its own alone: a mask, or a value inside the formula.
    **dict.fromkeys(
        ("DROPOUT", "ALPHADROPOUT", "DROPBLOCK", "STANH", "TSHRINK", "SINE"), Kept(False, False, 4)
    ),
    # Max pooling also keeps where each maximum was, as 64-bit indices.
    **dict.fromkeys(("POOL", "GMP", "AMP"), Kept(True, False, 8)),
    # The squares, their scaled sum and its power.
    "LRN": Kept(True, False, 12),
    "SQRT": Kept(True, False, 12),
    # Queries, keys, values and the answer before its projection; never the L x L scores.
    "ATTENTION": Kept(True, False, 16),
}  # fmt: skip


def kept_by(name: str) -> Kept:
    """What an operation keeps; input and output where nothing more exact is known of it."""
    return _BY_NAME.get(name, Kept(True, True))
