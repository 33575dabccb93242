"""How a tensor is filled, as data: the name of a function of `torch.nn.init` and its arguments.

The builder calls the function; the Python exporter prints the call. Nothing of torch is loaded here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """`numerator / fan`, or its square root, where `fan` is fan_in, fan_out or their sum."""

    numerator: float
    fan: str
    root: bool = True
    sign: int = 1

    def __neg__(self) -> Scale:
        return Scale(self.numerator, self.fan, self.root, -self.sign)

    def value(self, fan_in: float, fan_out: float) -> float:
        """The number for a weight with these fans."""
        fan = {"fan_in": fan_in, "fan_out": fan_out, BOTH: fan_in + fan_out}[self.fan]
        ratio = self.numerator / fan
        return self.sign * (ratio**0.5 if self.root else ratio)


BOTH = "(fan_in + fan_out)"


@dataclass(frozen=True)
class Draw:
    """A call of `torch.nn.init.function(tensor, **arguments)`; scales depend on the weight's fans."""

    function: str
    arguments: tuple[tuple[str, float | Scale], ...]

    def values(self, fan_in: float, fan_out: float) -> dict[str, float]:
        """The arguments for a weight with these fans."""
        return {
            name: value.value(fan_in, fan_out) if isinstance(value, Scale) else value
            for name, value in self.arguments
        }

    @property
    def scales(self) -> tuple[Scale, ...]:
        """The arguments that depend on the fans."""
        return tuple(value for _, value in self.arguments if isinstance(value, Scale))


def constant(value: float) -> Draw:
    """Every element is `value`."""
    return Draw("constant_", (("val", float(value)),))


def normal(std: float | Scale, mean: float = 0.0) -> Draw:
    """N(mean, std)."""
    return Draw("normal_", (("mean", mean), ("std", std)) if mean else (("std", std),))


def truncated_normal(std: float) -> Draw:
    """N(0, std), drawn again beyond two standard deviations."""
    return Draw("trunc_normal_", (("std", std), ("a", -2 * std), ("b", 2 * std)))


def uniform(limit: float | Scale) -> Draw:
    """Evenly between -limit and limit."""
    return Draw("uniform_", (("a", -limit), ("b", limit)))
