"""The terms that a recipe can name: optimizers, schedules, warm-ups, losses.

Lengths of schedules are counted in epochs, or by iterations (optimizer steps) or as a part of the
whole run where `by` says so, because papers use all three.
"""

from __future__ import annotations

from blockdsl.ops.values import Decay, Probability
from blockdsl.recipe.term import RecipeError, Term, term
from blockdsl.recipe.values import By, NotNegative, Patience, Positive, Rates, Rising

# --- optimizers ----------------------------------------------------------------------------


@term("optimizer")
class Sgd(Term):
    """Stochastic gradient descent with momentum, plain or Nesterov's (`torch.optim.SGD`)."""

    lr: Positive
    momentum: Probability = 0.0
    weight_decay: NotNegative = 0.0
    nesterov: bool = False
    dampening: Probability = 0.0

    def check(self) -> None:
        """Nesterov's form is defined with momentum and without dampening only."""
        if self.nesterov and (not self.momentum or self.dampening):
            raise RecipeError(
                "nesterov takes a momentum above 0 and no dampening",
                argument="nesterov",
                help="write momentum=0.9, nesterov=yes",
            )


@term("optimizer")
class Adam(Term):
    """Adam (Kingma & Ba, 2014); weight decay is added to the gradient."""

    lr: Positive = 1e-3
    beta1: Decay = 0.9
    beta2: Decay = 0.999
    eps: Positive = 1e-8
    weight_decay: NotNegative = 0.0


@term("optimizer")
class Adamw(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov & Hutter, 2017)."""

    weight_decay: NotNegative = 0.01


@term("optimizer")
class Rmsprop(Term):
    """RMSProp; `decay` is that of the squared gradient's average. `eps` is added to the root."""

    lr: Positive
    decay: Probability = 0.9
    eps: Positive = 1e-8
    momentum: Probability = 0.0
    weight_decay: NotNegative = 0.0


@term("optimizer")
class Adagrad(Term):
    """Adagrad (Duchi et al., 2011)."""

    lr: Positive = 0.01
    eps: Positive = 1e-10
    weight_decay: NotNegative = 0.0


# --- schedules of the learning rate --------------------------------------------------------


@term("schedule")
class Constant(Term):
    """The optimizer's rate throughout."""


@term("schedule")
class Plateau(Term):
    """Times `factor` when the validation accuracy has not risen for more than `patience` epochs."""

    factor: Probability = 0.1
    patience: Patience = 10


@term("schedule")
class Step(Term):
    """Times `factor` after `every` epochs, again and again."""

    every: Positive
    factor: Positive = 0.1
    by: By = "epoch"


@term("schedule")
class Steps(Term):
    """Times `factor` at each of the moments `at`; `by=run` counts them as parts of the run (0.5)."""

    at: Rising
    factor: Positive = 0.1
    by: By = "epoch"


@term("schedule")
class Piecewise(Term):
    """The given rates, the first from the start on, each further one from a moment of `at` on."""

    rates: Rates
    at: Rising
    by: By = "epoch"

    def check(self) -> None:
        """One rate more than moments."""
        if len(self.rates) != len(self.at) + 1:
            raise RecipeError(
                f"piecewise takes one rate more than moments, not {len(self.rates)} and {len(self.at)}",
                argument="rates",
            )


@term("schedule")
class Exponential(Term):
    """A smooth decay: times `factor` per `every` epochs."""

    factor: Positive
    every: Positive = 1.0
    by: By = "epoch"


@term("schedule")
class Poly(Term):
    """(1 - t)^power over the part t of the run; power 1 is linear to 0."""

    power: Positive = 1.0


@term("schedule")
class Cosine(Term):
    """Half a cosine over the run, from 1 to `floor` (Loshchilov & Hutter, 2016, equation 5)."""

    floor: Probability = 0.0


@term("warmup")
class Ramp(Term):
    """A linear rise over `length` epochs, from the part `start` of the rate."""

    length: Positive = 5.0
    start: Probability = 0.0
    by: By = "epoch"


@term("warmup")
class Hold(Term):
    """The part `factor` of the rate for `length` epochs, then all of it (ResNet-110)."""

    length: Positive
    factor: Probability = 0.1
    by: By = "epoch"


# --- losses --------------------------------------------------------------------------------


class Loss(Term):
    """A loss. Its `weight` is that of the output in the sum of all losses."""

    weight: NotNegative


@term("loss")
class CrossEntropy(Loss):
    """Softmax and log-likelihood of logits; the target is smoothed by `label_smoothing`."""

    label_smoothing: Probability = 0.0
    weight: NotNegative = 1.0


@term("loss")
class Nll(Loss):
    """Log-likelihood of probabilities, for a network that ends in a softmax of its own."""

    weight: NotNegative = 1.0


@term("loss")
class Mse(Loss):
    """Squared error against `high` for the right class and `low` for the others, summed over classes."""

    high: float = 1.0
    low: float = 0.0
    weight: NotNegative = 1.0

    def check(self) -> None:
        """The right class has the larger target."""
        if self.low >= self.high:
            raise RecipeError("low is below high", argument="low", help="write high=1, low=0")


@term("loss")
class Rbf(Loss):
    """LeNet-5's MAP criterion on distances, of which the least wins (LeCun et al., 1998, equation 9).

    The right class's distance, plus log(e^-rubbish + sum over classes of e^-distance).
    """

    rubbish: NotNegative = 1.0
    weight: NotNegative = 1.0


@term("loss")
class Bce(Loss):
    """Binary cross-entropy of each class's logit on its own."""

    label_smoothing: Probability = 0.0
    weight: NotNegative = 1.0
