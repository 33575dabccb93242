"""All settings of a `train` section, typed, with their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from blockdsl.diagnostics import did_you_mean
from blockdsl.ops.core import Argument, arguments_of
from blockdsl.ops.values import Count, Probability, Whole, one_of
from blockdsl.recipe import terms
from blockdsl.recipe.initial import He, InitTerm
from blockdsl.recipe.term import RecipeError, Term, sum_setting, term_setting, written
from blockdsl.recipe.values import Positive

_ADAMW, _COSINE, _CROSS_ENTROPY, _HE = terms.Adamw(), terms.Cosine(), terms.CrossEntropy(), (He(),)


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. Values come as the language evaluates them, through `of`."""

    optimizer: Annotated[Term, term_setting("optimizer")] = _ADAMW
    schedule: Annotated[Term, term_setting("schedule")] = _COSINE
    warmup: Annotated[Term, term_setting("warmup")] | None = None
    loss: Annotated[terms.Loss, term_setting("loss")] = _CROSS_ENTROPY
    """Of each output without a `loss.NAME` of its own, and of auxiliary outputs."""
    losses: Annotated[tuple[tuple[str, terms.Loss], ...], tuple] = ()
    """The losses of single outputs by their names: the settings `loss.NAME`."""
    augment: Annotated[tuple[Term, ...], sum_setting("augment")] = ()
    init: Annotated[tuple[InitTerm, ...], sum_setting("init")] = _HE
    batch: Count = 64
    """Images per optimizer step."""
    accumulate: Count = 1
    """In how many parts a batch runs through the network (512 = 32 x 16: batch 512, accumulate 16)."""
    epochs: Count = 20
    iterations: Count | None = None
    """Optimizer steps of the whole run; given, it decides in place of `epochs`."""
    clip: Positive | None = None
    """Largest norm of all gradients together."""
    ema: Probability | None = None
    """Decay of the running average of the weights (Polyak), which is then what is validated and kept."""
    bias_lr: Positive = 1.0
    """The biases' rate as a multiple of the weights' (Caffe's recipes have 2)."""
    decay: Annotated[str, one_of("all", "weights")] = "all"
    """`weights` spares biases, norms and every other vector from weight decay."""
    max_rms: Positive | None = None
    """Convolution filters of a larger root mean square are scaled down to it (ZFNet: 0.1)."""
    patience: Count | None = None
    """Stop early after so many epochs without a better validation accuracy."""
    validation: Probability = 0.1
    """Share of the training images that is kept for validation."""
    resize: Count | None = None
    """Side that images are brought to before crops; without it that of the network's input."""
    seed: Whole = 0
    precision: Annotated[str, one_of("fp32", "bf16", "fp16", "fp64")] = "fp32"

    arguments: ClassVar[dict[str, Argument]] = {}
    roles: ClassVar[dict[str, str]] = {
        r: r for r in ("optimizer", "schedule", "warmup", "loss", "augment", "init")
    }
    """The settings that take terms, with the role of these."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Recipe:
        """The recipe with these settings.

        Raises:
            RecipeError: a setting does not exist, or refuses its value (`argument` names it).
        """
        return cls().with_(values)

    def with_(self, values: Mapping[str, Any]) -> Recipe:
        """The recipe with some settings changed (raises as `of`)."""
        losses = {output_of(name): convert(name, value) for name, value in values.items() if output_of(name)}
        settings = {name: convert(name, value) for name, value in values.items() if not output_of(name)}
        changed = replace(self, **settings, losses=tuple({**dict(self.losses), **losses}.items()))
        changed.check()
        return changed

    def loss_of(self, output: str) -> terms.Loss:
        """The loss of an output.

        >>> Recipe.of({"loss.p3": terms.Mse()}).loss_of("p3").name
        'mse'
        """
        return dict(self.losses).get(output, self.loss)

    def check(self) -> None:
        """Refuse settings that do not go together (raises `RecipeError`)."""
        if self.warmup is not None and isinstance(self.schedule, terms.Plateau):
            raise RecipeError(
                "a warmup and the plateau schedule do not go together",
                argument="warmup",
                help="write the moments: steps(at=[30, 60], factor=0.1)",
            )
        if self.accumulate > self.batch:
            raise RecipeError(
                f"a batch of {self.batch} cannot run in {self.accumulate} parts", argument="accumulate"
            )
        if not 0 < self.validation < 1:
            raise RecipeError("validation takes a share above 0 and below 1", argument="validation")

    def __str__(self) -> str:
        """The settings that differ from the defaults, one a line, as the language writes them."""
        plain = Recipe()
        changed = {n: getattr(self, n) for n in self.arguments if getattr(self, n) != getattr(plain, n)}
        changed |= {f"{_LOSS_OF}{name}": loss for name, loss in self.losses}
        return "\n".join(f"{name} = {written(value)}" for name, value in changed.items())


Recipe.arguments = {name: found for name, found in arguments_of(Recipe).items() if name != "losses"}

_LOSS_OF = "loss."


def output_of(setting: str) -> str:
    """The output that a setting is about: `p3` for `loss.p3`; empty where it is about none."""
    return setting.removeprefix(_LOSS_OF) if setting.startswith(_LOSS_OF) else ""


def convert(name: str, value: Any) -> Any:
    """The value of a setting in its one form (raises `RecipeError`)."""
    declared = "loss" if output_of(name) else name
    if declared not in Recipe.arguments:
        raise RecipeError(
            f"there is no setting named {name}",
            argument=name,
            help=did_you_mean(name, Recipe.arguments, "settings are " + ", ".join(Recipe.arguments)),
        )
    try:
        return Recipe.arguments[declared].convert(value)
    except ValueError as problem:
        raise RecipeError(f"{name} {problem}", argument=name) from None
