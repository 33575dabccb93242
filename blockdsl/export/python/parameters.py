"""The parameters of a written class: what they are called, their types and defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from blockdsl.export.python.modules import Name
from blockdsl.export.python.text import literal


@dataclass
class Parameter:
    """A parameter of a class: its value in each instance."""

    name: str
    values: list[Any]
    default: Any = None
    has_default: bool = False

    @property
    def signature(self) -> str:
        """As it stands between the brackets of `__init__`."""
        return f"{self.name}: {self.type}" + (f" = {literal(self.default)}" if self.has_default else "")

    @property
    def type(self) -> str:
        """The type hint."""
        kinds = {_type(v) for v in self.values}
        return " | ".join(sorted(kinds)) if kinds != {"float", "int"} else "float"


def _type(value: Any) -> str:
    if isinstance(value, Name):
        return "type[nn.Module]"
    if isinstance(value, tuple):
        if all(isinstance(v, int) for v in value):
            return f"tuple[{', '.join(['int'] * len(value))}]" if len(value) < 3 else "tuple[int, ...]"
        return (
            "tuple[float, ...]"
            if all(isinstance(v, int | float) for v in value)
            else "tuple[tuple[int, ...], ...]"
        )
    return type(value).__name__


ROLES = {
    "in_channels": "in_channels", "out_channels": "channels", "num_features": "in_channels",
    "kernel_size": "kernel_size", "stride": "stride", "padding": "padding", "groups": "groups",
    "dilation": "dilation", "p": "drop", "in_features": "in_features", "out_features": "features",
    "drop": "drop", "channels": "channels", "features": "features", "normalized_shape": "in_channels",
}  # fmt: skip
"""What a parameter is called that explains an argument of this name."""

WIDTHS = frozenset(
    {
        "in_channels",
        "out_channels",
        "num_features",
        "in_features",
        "out_features",
        "channels",
        "features",
        "classes",
    }
)

PLAIN = frozenset({"stride", "kernel_size", "dilation", "drop"})
"""What is not computed from other parameters."""

DEFAULTS = {"stride": 1, "groups": 1, "dilation": 1, "padding": 0, "drop": 0.0}
"""Parameters that may be left out, where they have this value in some instance."""
