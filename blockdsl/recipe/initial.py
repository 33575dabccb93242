"""The terms of `init`: the distributions that weights and biases are drawn from.

A sum reads from left to right: a term with `at` overrides those before it for the layers or blocks
of that name (`normal(std=0.01) + normal(std=0.01, bias=1, at=["conv2", "conv4"])`), one without
`at` sets all of them. Norms start at 1 and 0 whatever the term.
"""

from __future__ import annotations

from typing import Annotated

from blockdsl.ops.values import one_of
from blockdsl.recipe.draw import BOTH, Draw, Scale, constant, normal, truncated_normal, uniform
from blockdsl.recipe.term import Term, term
from blockdsl.recipe.values import Names, NotNegative, Positive


class InitTerm(Term):
    """Base of the terms of `init`. The module and its exported source are both made from the draws.

    `at` names the layers and blocks that the term is for; empty for all.
    """

    at: Names

    def weight(self) -> Draw:
        """How a weight is drawn."""
        raise LookupError(self.name)

    def biases(self) -> Draw:
        """How a bias is drawn: the constant `bias` unless a term says otherwise."""
        return constant(getattr(self, "bias", 0.0))


Fan = Annotated[str, one_of("fan_in", "fan_out")]


@term("init")
class He(InitTerm):
    """N(0, 2 / fan) (He et al., 2015); `uniform=yes` draws evenly with the same variance.

    As in PyTorch, fan_out counts all output channels of a convolution with groups, so that a DWCONV gets
    small initial weights; `mode=fan_in` counts the kernel alone.
    """

    mode: Fan = "fan_out"
    uniform: bool = False
    bias: float = 0.0
    at: Names = ()

    def weight(self) -> Draw:
        """Standard deviation sqrt(2 / fan)."""
        return uniform(Scale(6, self.mode)) if self.uniform else normal(Scale(2, self.mode))


@term("init")
class Xavier(InitTerm):
    """Variance 2 / (fan_in + fan_out) (Glorot & Bengio, 2010), even or normal."""

    uniform: bool = True
    bias: float = 0.0
    at: Names = ()

    def weight(self) -> Draw:
        """Standard deviation sqrt(2 / (fan_in + fan_out))."""
        return uniform(Scale(6, BOTH)) if self.uniform else normal(Scale(2, BOTH))


@term("init")
class Lecun(InitTerm):
    """Even in ± `limit` / fan_in, as LeNet-5; `root=yes` divides by the root of fan_in instead."""

    limit: Positive = 2.4
    root: bool = False
    bias: float = 0.0
    at: Names = ()

    def weight(self) -> Draw:
        """Between plus and minus `limit` / fan_in."""
        return uniform(
            Scale(self.limit**2, "fan_in") if self.root else Scale(self.limit, "fan_in", root=False)
        )


@term("init")
class Normal(InitTerm):
    """N(0, std); biases N(bias, bias_std)."""

    std: Positive = 0.01
    bias: float = 0.0
    bias_std: NotNegative = 0.0
    at: Names = ()

    def weight(self) -> Draw:
        """Standard deviation `std`."""
        return normal(self.std)

    def biases(self) -> Draw:
        """Around `bias`."""
        return normal(self.bias_std, self.bias) if self.bias_std else constant(self.bias)


@term("init")
class TruncatedNormal(InitTerm):
    """N(0, std) cut off at two standard deviations."""

    std: Positive = 0.02
    bias: float = 0.0
    at: Names = ()

    def weight(self) -> Draw:
        """Standard deviation `std` before the cut."""
        return truncated_normal(self.std)


@term("init")
class Uniform(InitTerm):
    """Even in ± `limit`, biases as well (Ciresan et al., 2010)."""

    limit: Positive = 0.05
    at: Names = ()

    def weight(self) -> Draw:
        """Between plus and minus `limit`."""
        return uniform(self.limit)

    def biases(self) -> Draw:
        """As the weights."""
        return uniform(self.limit)
