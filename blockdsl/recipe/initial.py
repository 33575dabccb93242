"""The terms of `init`: how trainable tensors start.

A sum reads from left to right: a term with `at` overrides those before it for the layers or blocks
of that name (`normal(std=0.01) + normal(std=0.01, bias=1, at=["conv2", "conv4"])`), one without
`at` sets all of them. Norms start at 1 and 0 whatever the term.
"""

from __future__ import annotations

from typing import Annotated

from blockdsl.ops.values import one_of
from blockdsl.recipe.term import Term, term
from blockdsl.recipe.values import Names, NotNegative, Positive

Fan = Annotated[str, one_of("fan_in", "fan_out")]


@term("init")
class He(Term):
    """N(0, 2 / fan) (He et al., 2015); `uniform=yes` draws evenly with the same variance."""

    mode: Fan = "fan_out"
    uniform: bool = False
    bias: float = 0.0
    at: Names = ()


@term("init")
class Xavier(Term):
    """Variance 2 / (fan_in + fan_out) (Glorot & Bengio, 2010), even or normal."""

    uniform: bool = True
    bias: float = 0.0
    at: Names = ()


@term("init")
class Lecun(Term):
    """Even in ± `limit` / fan_in, as LeNet-5; `root=yes` divides by the root of fan_in instead."""

    limit: Positive = 2.4
    root: bool = False
    bias: float = 0.0
    at: Names = ()


@term("init")
class Normal(Term):
    """N(0, std); biases N(bias, bias_std)."""

    std: Positive = 0.01
    bias: float = 0.0
    bias_std: NotNegative = 0.0
    at: Names = ()


@term("init")
class TruncatedNormal(Term):
    """N(0, std) cut off at two standard deviations."""

    std: Positive = 0.02
    bias: float = 0.0
    at: Names = ()


@term("init")
class Uniform(Term):
    """Even in ± `limit`, biases as well (Ciresan et al., 2010)."""

    limit: Positive = 0.05
    at: Names = ()
