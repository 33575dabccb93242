"""Activations, each element for itself. x is the input; a class's docstring is its formula.

Sources stand with each. Those that look at several channels are in `blockdsl.ops.gating`.
"""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from typing import Annotated

from blockdsl.ops.core import SAVES_INPUT, SAVES_OUTPUT, Operation, OpError, Saved
from blockdsl.ops.layouts import Shape, Sizes, Tokens
from blockdsl.ops.registry import operation
from blockdsl.ops.spec import ModuleSpec
from blockdsl.ops.values import NotNegative, Positive, one_of

Per = Annotated[str, one_of("channel", "layer")]
Approximation = Annotated[str, one_of("none", "tanh")]


class _Activation(Operation):
    """What the activations share: the gradient of most is a function of the input."""

    saved_for_backward = SAVES_INPUT


@operation("RELU")
class ReLU(_Activation):
    """max(0, x) (Nair & Hinton 2010)."""

    word = "ReLU"
    saved_for_backward = SAVES_OUTPUT
    overwrites_input = True

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:ReLU", "F.relu")


@operation("RELU6")
class ReLU6(_Activation):
    """min(max(0, x), 6) (Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10")."""

    word = "ReLU6"

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:ReLU6", "F.relu6")


@operation("LEAKY")
class LeakyReLU(_Activation):
    """x above 0, slope * x below (Maas et al. 2013)."""

    word = "leaky ReLU"
    aliases = ("leakyrelu", "lrelu")

    slope: float = 0.01

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:LeakyReLU", negative_slope=self.slope)


@operation("PRELU")
class PReLU(_Activation):
    """x above 0, weight * x below, the weight learned from `init` on (He et al. 2015).

    One weight for each channel, or one for the layer.
    """

    word = "PReLU"

    per: Per = "channel"
    init: float = 0.25

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        return {"weight": (inputs[0].channels if self.per == "channel" else 1,)}

    def spec(self, *inputs: Shape) -> ModuleSpec:
        if self.per == "layer":
            return ModuleSpec("torch.nn:PReLU", num_parameters=1, init=self.init)
        target = (
            "blockdsl.layers.activation:TokenPReLU" if isinstance(inputs[0], Tokens) else "torch.nn:PReLU"
        )
        return ModuleSpec(target, num_parameters=inputs[0].channels, init=self.init)


@operation("RRELU")
class RReLU(_Activation):
    """x above 0, a * x below; a is uniform in [low, high] in training, their mean after (Xu et al. 2015)."""

    saved_for_backward = Saved(inputs=True, output=False, extra=4)

    low: float = 1 / 8
    high: float = 1 / 3

    def check(self) -> None:
        _ordered(self.name, self.low, self.high)

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:RReLU", lower=self.low, upper=self.high)


@operation("ELU")
class ELU(_Activation):
    """x above 0, alpha * (exp(x) - 1) below (Clevert et al. 2016)."""

    alpha: float = 1.0

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:ELU", "F.elu", alpha=self.alpha)


@operation("SELU")
class SELU(_Activation):
    """1.0507 * ELU(x, alpha=1.6733): keeps mean 0 and variance 1 (Klambauer et al. 2017)."""

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:SELU")


@operation("CELU")
class CELU(_Activation):
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)) (Barron 2017)."""

    alpha: float = 1.0

    def check(self) -> None:
        if self.alpha == 0:
            raise OpError("the alpha of CELU divides, so it cannot be 0", argument="alpha")

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:CELU", alpha=self.alpha)


@operation("GELU")
class GELU(_Activation):
    """x * Phi(x), Phi the normal distribution's, exact or by tanh (Hendrycks & Gimpel 2016)."""

    approximate: Approximation = "none"

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:GELU", "F.gelu", approximate=self.approximate)


@operation("SILU")
class SiLU(_Activation):
    """x * sigmoid(x) (Elfwing et al. 2018); Swish with beta = 1."""

    word = "SiLU"

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:SiLU", "F.silu")


@operation("SWISH")
class Swish(_Activation):
    """x * sigmoid(beta * x), beta learned from its value here on, or fixed (Ramachandran et al. 2017)."""

    word = "swish"
    saved_for_backward = Saved(inputs=True, output=False, extra=4)

    beta: float = 1.0
    learned: bool = True

    def weights(self, *inputs: Shape) -> dict[str, Sizes]:
        return {"beta": ()} if self.learned else {}

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.activation:Swish", beta=self.beta, learned=self.learned)


@operation("HSWISH")
class HardSwish(_Activation):
    """x * min(max(0, x + 3), 6) / 6 (MobileNetV3, Howard et al. 2019)."""

    word = "h-swish"
    aliases = ("hardswish",)

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:Hardswish", "F.hardswish")


@operation("HSIGMOID")
class HardSigmoid(_Activation):
    """min(max(0, x + 3), 6) / 6 (MobileNetV3, Howard et al. 2019)."""

    word = "h-sigmoid"
    aliases = ("hardsigmoid",)

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:Hardsigmoid", "F.hardsigmoid")


@operation("MISH")
class Mish(_Activation):
    """x * tanh(softplus(x)) (Misra 2020)."""

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:Mish", "F.mish")


@operation("SIGMOID")
class Sigmoid(_Activation):
    """1 / (1 + exp(-x))."""

    word = "sigmoid"
    saved_for_backward = SAVES_OUTPUT

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:Sigmoid", "torch.sigmoid")


@operation("LOGSIGMOID")
class LogSigmoid(_Activation):
    """log(1 / (1 + exp(-x)))."""

    saved_for_backward = Saved(inputs=True, output=False, extra=4)

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:LogSigmoid")


@operation("TANH")
class Tanh(_Activation):
    """tanh(x)."""

    word = "tanh"
    saved_for_backward = SAVES_OUTPUT

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:Tanh", "torch.tanh")


@operation("STANH")
class ScaledTanh(_Activation):
    """amplitude * tanh(slope * x): LeNet-5's 1.7159 * tanh(2x/3) (LeCun et al. 1998, equation 6)."""

    word = "scaled tanh"
    saved_for_backward = Saved(inputs=False, output=False, extra=4)

    amplitude: float = 1.7159
    slope: float = 2 / 3

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.activation:ScaledTanh", amplitude=self.amplitude, slope=self.slope)


@operation("HTANH")
class HardTanh(_Activation):
    """min(max(low, x), high) (Collobert 2004)."""

    aliases = ("hardtanh",)

    low: float = -1.0
    high: float = 1.0

    def check(self) -> None:
        _ordered(self.name, self.low, self.high)
        if self.low == self.high:
            raise OpError("the low and the high of HTANH are equal: nothing would pass", argument="high")

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:Hardtanh", min_val=self.low, max_val=self.high)


@operation("SOFTPLUS")
class SoftPlus(_Activation):
    """log(1 + exp(beta * x)) / beta (Dugas et al. 2001)."""

    beta: Positive = 1.0

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:Softplus", beta=self.beta)


@operation("SOFTSIGN")
class SoftSign(_Activation):
    """x / (1 + |x|) (Bergstra et al. 2009)."""

    saved_for_backward = Saved(inputs=True, output=False, extra=4)

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:Softsign")


@operation("THRESHOLD")
class Threshold(_Activation):
    """x above the threshold, value below (thresholded rectifier, Konda et al. 2015)."""

    aliases = ("thresholdedrelu",)

    threshold: float
    value: float = 0.0

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:Threshold", threshold=self.threshold, value=self.value)


@operation("HSHRINK")
class HardShrink(_Activation):
    """x where |x| > threshold, otherwise 0."""

    aliases = ("hardshrink",)

    threshold: float = 0.5

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:Hardshrink", lambd=self.threshold)


@operation("SSHRINK")
class SoftShrink(_Activation):
    """sign(x) * max(0, |x| - threshold)."""

    aliases = ("softshrink",)

    threshold: NotNegative = 0.5

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:Softshrink", lambd=self.threshold)


@operation("TSHRINK")
class TanhShrink(_Activation):
    """x - tanh(x)."""

    aliases = ("tanhshrink",)
    saved_for_backward = Saved(inputs=False, output=False, extra=4)

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("torch.nn:Tanhshrink")


@operation("ABS")
class Abs(_Activation):
    """|x|: rectification after a filter bank (Jarrett et al. 2009)."""

    word = "|x|"

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.activation:Abs")


@operation("SQUARE")
class Square(_Activation):
    """x^2; RELU-SQUARE is Primer's activation (So et al. 2021)."""

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.activation:Square")


@operation("SQRT")
class Sqrt(_Activation):
    """sign(x) * sqrt(|x|), the signed root (bilinear CNNs, Lin et al. 2015)."""

    saved_for_backward = Saved(inputs=True, output=False, extra=12)

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.activation:SignedSqrt")


@operation("EXP")
class Exp(_Activation):
    """exp(x)."""

    saved_for_backward = SAVES_OUTPUT

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.activation:Exp")


@operation("SINE")
class Sine(_Activation):
    """sin(omega * x) (SIREN, Sitzmann et al. 2020)."""

    saved_for_backward = Saved(inputs=False, output=False, extra=4)

    omega: float = 1.0

    def spec(self, *inputs: Shape) -> ModuleSpec:
        return ModuleSpec("blockdsl.layers.activation:Sine", omega=self.omega)


def _ordered(name: str, low: float, high: float) -> None:
    if low > high:
        raise OpError(f"the low of {name} is above its high", argument="low", help=f"low={high}, high={low}?")
