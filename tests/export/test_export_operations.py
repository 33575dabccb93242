"""Every operation as Python: by itself in a chain, and twice side by side in a `forward`."""

import pytest
from torch import Tensor, nn

import blockdsl
from blockdsl.ops import ModuleSpec, Operation, Shape, all_operations, operation, unregister
from tests.export.running import agree

IMAGE, VECTOR, TOKENS = "4x8x8", "12", "6x8"
CASES = {
    IMAGE: [
        "CONV(6,3,p1)", "CONV(6,3x1,s2,bias=no)", "CONV(4,3,pad=same,d2)",
        "CONV(2,3,table=[[0,1],[1,2,3]])", "DWCONV(3,p1)", "DWCONV(3,multiplier=2)", "DECONV(6,3,s2)",
        "UP(2,6)", "UP(2)", "POOL(2)", "POOL(3,s2,p1)", "AVGPOOL(2)", "AVGPOOL(3,s2,p1,include_pad=no)",
        "LPPOOL(2,2)", "SUBSAMPLE", "GAP", "GMP", "AAP(2)", "AMP(3x2)", "CHANNELMEAN", "CHANNELMAX", "RELU",
        "RELU6", "LEAKY", "LEAKY(0.3)", "PRELU", "PRELU(per=layer)", "RRELU", "ELU", "ELU(0.5)", "SELU",
        "CELU", "GELU", "GELU(approximate=tanh)", "SILU", "SWISH", "SWISH(learned=no)", "HSWISH",
        "HSIGMOID", "MISH", "SIGMOID", "LOGSIGMOID", "TANH", "STANH", "HTANH", "SOFTPLUS", "SOFTSIGN",
        "THRESHOLD(0.1,0.2)", "HSHRINK", "SSHRINK", "TSHRINK", "ABS", "SQUARE", "SQRT", "EXP", "SINE",
        "SOFTMAX", "LOGSOFTMAX", "CRELU", "GLU", "GLU(gate=silu)", "BN", "BN(affine=no)", "BN(frozen=yes)",
        "LN", "GN(2)", "IN", "LRN", "LRN(3,groups=2)", "LRN(3,within=yes)", "RMSNORM", "GRN", "L2NORM",
        "L2NORM(scale=20)", "DROPOUT", "DROPOUT(0.3,per=channel)", "DROPOUT(0.3,rescale=test)",
        "ALPHADROPOUT", "DROPPATH(0.2)", "DROPPATH(0.2,per=batch,rescale=test)", "DROPBLOCK(3,0.1)",
        "NOISE(0.1)", "ID", "FLATTEN", "RESHAPE(8x4x8)", "SHUFFLE(2)", "PADCHANNELS(6)", "SPACETODEPTH(2)",
        "DEPTHTOSPACE(2)", "PAD(1)", "PAD(1,mode=reflect)", "PAD(1,value=0.5)", "CROP(4)", "UPSAMPLE(2)",
        "UPSAMPLE(2,mode=bilinear)", "RESIZE(5)", "TOKENS", "SCALE(0.1)", "LAYERSCALE(0.1)", "AFFINE",
        "MAXOUT(2)", "SPLIT(2)-[RELU, ID]-CAT", "(CONV(6,1) + CONV(6,1) + CONV(6,1))",
        "(CONV(6,1) | CONV(5,1))", "(CONV(4,1) * SIGMOID)", "MEAN(CONV(6,1), CONV(6,1))",
        "MEAN(ID, RELU, drop=0.2)", "MAX(ID, CONV(4,1), CONV(4,1))", "MAX(ID, CONV(4,1))",
        "MIN(ID, CONV(4,1), CONV(4,1))", "MIN(ID, CONV(4,1))", "SUB(CONV(4,1), RELU + ID)",
        "DIV(RELU + ID, EXP)",
        "SUM(ID, WEIGHT(4x1x1), broadcast=yes)", "SHIFT(-0.5)", "RELU-SHIFT(1)-POW(-0.5)", "SLICE(2,3)",
        "SIGNAL-IMAGE(4x16)", "VOLUME(2x4x8)-TOKENS", "VOLUME(2x4x8)-SIGNAL-TOKENS",
        "RESHAPE(8x32,layout=signal)-TOKENS", "WEIGHT(4x8x8,mean=1,std=0)",
    ],
    VECTOR: ["FC(5)", "FC(5,bias=no)", "BN", "LN", "MAXOUT(3)", "SOFTMAX", "RELU", "DROPOUT", "SCALE(2)",
        "IMAGE(2)",
        "TOKENS(4)", "SIGNAL(length=3)-TOKENS", "VOLUME(1x2x3)-TOKENS", "SLICE(3,4)"],
    TOKENS: [
        "FC(5)", "LN", "PRELU", "ATTENTION(2)", "ATTENTION(4,bias=no)", "CLSTOKEN", "POSITION", "TAKE(1)",
        "TRANSPOSE", "IMAGE(2x3)", "VOLUME(1x2x3)-TOKENS", "SIGNAL-TOKENS",
        "SLICE(2,3)", "WEIGHT(2x4)", "GAP", "GMP", "MAXOUT(2)", "GRN", "SOFTMAX", "LAYERSCALE",
        "DOT(FC(4), FC(4))", "MATMUL(DOT(FC(4), FC(4)), FC(3))",
    ],
    "84": ["RBF(10)"],
}  # fmt: skip


@pytest.mark.parametrize(("shape", "text"), [(s, t) for s, texts in CASES.items() for t in texts])
def test_operation(shape: str, text: str) -> None:
    agree(f"input {shape}\nnet {text}")
    agree(f"input {shape}\nblock side() = {text}\nnet side | {text}")


def test_every_operation_is_tried() -> None:
    tried = {
        layer.operation.name
        for shape, texts in CASES.items()
        for text in texts
        for layer in blockdsl.parse(f"input {shape}\nnet {text}").ir.layers()
    }
    assert all_operations().keys() - {"ID"} <= tried  # ID is no layer


class Offset(nn.Module):
    """x + by."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = by

    def forward(self, x: Tensor) -> Tensor:
        return x + self.by


def test_operation_of_a_user() -> None:
    @operation("OFFSET")
    class OffsetOp(Operation):
        """Adds a number."""

        by: float = 1.0

        def spec(self, *inputs: Shape) -> ModuleSpec:
            return ModuleSpec(Offset, by=self.by)

    try:
        source = agree("input 4\nblock up(b) = FC(4)-OFFSET(b)\nnet up(0.5)-up(2)")
    finally:
        unregister("OFFSET")
    assert "class Offset(nn.Module):" in source
    assert "blockdsl" not in source
