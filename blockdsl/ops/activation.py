"""Activations, each element for itself. x is the input; a class's docstring is its formula.

Sources stand with each. Those that look at several channels are in `blockdsl.ops.gating`.
"""
# ruff: noqa: D102 - what the methods answer stands in the base, blockdsl.ops.core.Operation.

from __future__ import annotations

from typing import Annotated

from blockdsl.ops.core import Operation, OpError, Shape, operation
from blockdsl.ops.geometry import channels
from blockdsl.ops.values import NotNegative, Positive, one_of

Per = Annotated[str, one_of("channel", "layer")]
Approximation = Annotated[str, one_of("none", "tanh")]


@operation("RELU")
class ReLU(Operation):
    """max(0, x) (Nair & Hinton 2010)."""


@operation("RELU6")
class ReLU6(Operation):
    """min(max(0, x), 6) (Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10")."""


@operation("LEAKY")
class LeakyReLU(Operation):
    """x above 0, slope * x below (Maas et al. 2013)."""

    slope: float = 0.01


@operation("PRELU")
class PReLU(Operation):
    """x above 0, weight * x below, the weight learned from `init` on (He et al. 2015).

    One weight for each channel, or one for the layer.
    """

    per: Per = "channel"
    init: float = 0.25

    def weights(self, *inputs: Shape) -> dict[str, Shape]:
        return {"weight": (channels(inputs[0]) if self.per == "channel" else 1,)}


@operation("RRELU")
class RReLU(Operation):
    """x above 0, a * x below; a is uniform in [low, high] in training, their mean after (Xu et al. 2015)."""

    low: float = 1 / 8
    high: float = 1 / 3

    def check(self) -> None:
        _ordered(self.name, self.low, self.high)


@operation("ELU")
class ELU(Operation):
    """x above 0, alpha * (exp(x) - 1) below (Clevert et al. 2016)."""

    alpha: float = 1.0


@operation("SELU")
class SELU(Operation):
    """1.0507 * ELU(x, alpha=1.6733): keeps mean 0 and variance 1 (Klambauer et al. 2017)."""


@operation("CELU")
class CELU(Operation):
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)) (Barron 2017)."""

    alpha: float = 1.0

    def check(self) -> None:
        if self.alpha == 0:
            raise OpError("the alpha of CELU divides, so it cannot be 0", argument="alpha")


@operation("GELU")
class GELU(Operation):
    """x * Phi(x), Phi the normal distribution's, exact or by tanh (Hendrycks & Gimpel 2016)."""

    approximate: Approximation = "none"


@operation("SILU")
class SiLU(Operation):
    """x * sigmoid(x) (Elfwing et al. 2018); Swish with beta = 1."""


@operation("SWISH")
class Swish(Operation):
    """x * sigmoid(beta * x), beta learned from its value here on, or fixed (Ramachandran et al. 2017)."""

    beta: float = 1.0
    learned: bool = True

    def weights(self, *inputs: Shape) -> dict[str, Shape]:
        return {"beta": ()} if self.learned else {}


@operation("HSWISH")
class HardSwish(Operation):
    """x * min(max(0, x + 3), 6) / 6 (MobileNetV3, Howard et al. 2019)."""


@operation("HSIGMOID")
class HardSigmoid(Operation):
    """min(max(0, x + 3), 6) / 6 (MobileNetV3, Howard et al. 2019)."""


@operation("MISH")
class Mish(Operation):
    """x * tanh(softplus(x)) (Misra 2020)."""


@operation("SIGMOID")
class Sigmoid(Operation):
    """1 / (1 + exp(-x))."""


@operation("LOGSIGMOID")
class LogSigmoid(Operation):
    """log(1 / (1 + exp(-x)))."""


@operation("TANH")
class Tanh(Operation):
    """tanh(x)."""


@operation("STANH")
class ScaledTanh(Operation):
    """amplitude * tanh(slope * x): LeNet-5's 1.7159 * tanh(2x/3) (LeCun et al. 1998, equation 6)."""

    amplitude: float = 1.7159
    slope: float = 2 / 3


@operation("HTANH")
class HardTanh(Operation):
    """min(max(low, x), high) (Collobert 2004)."""

    low: float = -1.0
    high: float = 1.0

    def check(self) -> None:
        _ordered(self.name, self.low, self.high)
        if self.low == self.high:
            raise OpError("the low and the high of HTANH are equal: nothing would pass", argument="high")


@operation("SOFTPLUS")
class SoftPlus(Operation):
    """log(1 + exp(beta * x)) / beta (Dugas et al. 2001)."""

    beta: Positive = 1.0


@operation("SOFTSIGN")
class SoftSign(Operation):
    """x / (1 + |x|) (Bergstra et al. 2009)."""


@operation("THRESHOLD")
class Threshold(Operation):
    """x above the threshold, value below (thresholded rectifier, Konda et al. 2015)."""

    threshold: float
    value: float = 0.0


@operation("HSHRINK")
class HardShrink(Operation):
    """x where |x| > threshold, otherwise 0."""

    threshold: float = 0.5


@operation("SSHRINK")
class SoftShrink(Operation):
    """sign(x) * max(0, |x| - threshold)."""

    threshold: NotNegative = 0.5


@operation("TSHRINK")
class TanhShrink(Operation):
    """x - tanh(x)."""


@operation("ABS")
class Abs(Operation):
    """|x|: rectification after a filter bank (Jarrett et al. 2009)."""


@operation("SQUARE")
class Square(Operation):
    """x^2; RELU-SQUARE is Primer's activation (So et al. 2021)."""


@operation("SQRT")
class Sqrt(Operation):
    """sign(x) * sqrt(|x|), the signed root (bilinear CNNs, Lin et al. 2015)."""


@operation("EXP")
class Exp(Operation):
    """exp(x)."""


@operation("SINE")
class Sine(Operation):
    """sin(omega * x) (SIREN, Sitzmann et al. 2020)."""

    omega: float = 1.0


def _ordered(name: str, low: float, high: float) -> None:
    if low > high:
        raise OpError(f"the low of {name} is above its high", argument="low", help=f"low={high}, high={low}?")
