"""Layers without state as the expression that a person writes in `forward`."""

from __future__ import annotations

from blockdsl.export.python.structure import Part
from blockdsl.export.python.text import literal

_ONE = {
    "nn.ReLU": "F.relu({x})",
    "nn.ReLU6": "F.relu6({x})",
    "nn.SiLU": "F.silu({x})",
    "nn.GELU": "F.gelu({x})",
    "nn.Hardswish": "F.hardswish({x})",
    "nn.Hardsigmoid": "F.hardsigmoid({x})",
    "nn.Mish": "F.mish({x})",
    "nn.ELU": "F.elu({x})",
    "nn.Sigmoid": "torch.sigmoid({x})",
    "nn.Tanh": "torch.tanh({x})",
    "nn.Flatten": "torch.flatten({x}, 1)",
    "Scale": "{factor} * {x}",
    "Take": "{x}[:, {index}]",
    "Tokens": "{x}.flatten(2).transpose(1, 2)",
    "Transpose": "{x}.transpose(1, 2)",
}
_POOLS = {"nn.MaxPool2d": "F.max_pool2d", "nn.AvgPool2d": "F.avg_pool2d"}
_ADAPTIVE = {"nn.AdaptiveAvgPool2d": "F.adaptive_avg_pool2d", "nn.AdaptiveMaxPool2d": "F.adaptive_max_pool2d"}


def template(part: Part, constant: dict[str, object]) -> str | None:
    """An expression in `{x}`, or in `{0}`, `{1}` … for a join; None where a module is needed.

    `constant` are the arguments that are the same in all instances of the class.
    """
    kind = part.leaf.kind if part.leaf else ""
    joined = _join(kind, len(part.sources), constant)
    if joined or part.leaf is None or set(constant) != set(part.leaf.args):
        return joined
    settings = {name: literal(value) for name, value in constant.items()}
    if kind in _ONE:
        known = {"factor", "index"} | {n for n in constant if constant[n] == part.leaf.defaults.get(n)}
        return _ONE[kind].format(x="{x}", **settings) if known >= set(constant) else None
    defaults = part.leaf.defaults
    if kind in _POOLS:
        kernel = settings.pop("kernel_size")
        given = [f", {n}={v}" for n, v in settings.items() if v != literal(defaults.get(n))]
        return f"{_POOLS[kind]}({{x}}, {kernel}{''.join(given)})"
    if kind in _ADAPTIVE:
        return f"{_ADAPTIVE[kind]}({{x}}, {settings['output_size']})"
    return None


def _join(kind: str, count: int, constant: dict[str, object]) -> str | None:
    each = [f"{{{i}}}" for i in range(count)]
    match kind:
        case "Sum":
            return " + ".join(each)
        case "Mul":
            return " * ".join(each)
        case "Cat":
            return f"torch.cat([{', '.join(each)}], {constant['dim']})"
        case "Mean" if count > 1:
            return f"({' + '.join(each)}) / {count}"
        case "Max" if count == 2:
            return "torch.maximum({0}, {1})"
    return None
