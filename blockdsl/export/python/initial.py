"""How the weights of a written network begin, in a few lines."""

from __future__ import annotations

from blockdsl.lowering import Program
from blockdsl.recipe import initial
from blockdsl.recipe.term import Term


def initial_lines(program: Program) -> list[str]:
    """The lines at the end of the network's `__init__`."""
    init = program.recipe.init
    terms = [init] if isinstance(init, Term) else list(init or [])
    term = next((t for t in terms if not getattr(t, "at", ())), initial.He())
    bias = float(getattr(term, "bias", 0.0))
    operations = {layer.operation.name for layer in program.graph.layers()}
    kinds = [k for k, names in _KINDS.items() if names & operations]
    if not kinds:
        return []
    which = kinds[0] if len(kinds) == 1 else f"({', '.join(kinds)})"
    return [
        "",
        "for module in self.modules():",
        f"    if isinstance(module, {which}):",
        f"        {_draw(term)}",
        "        if module.bias is not None:",
        f"            nn.init.{f'constant_(module.bias, {bias:g})' if bias else 'zeros_(module.bias)'}",
    ]


_KINDS = {
    "nn.Conv2d": {"CONV", "DWCONV"},
    "nn.ConvTranspose2d": {"DECONV", "UP"},
    "nn.Linear": {"FC"},
}


def _draw(term: object) -> str:
    match term:
        case initial.Xavier(uniform=True):
            return "nn.init.xavier_uniform_(module.weight)"
        case initial.Xavier():
            return "nn.init.xavier_normal_(module.weight)"
        case initial.Normal(std=std):
            return f"nn.init.normal_(module.weight, std={std:g})"
        case initial.TruncatedNormal(std=std):
            return f"nn.init.trunc_normal_(module.weight, std={std:g}, a={-2 * std:g}, b={2 * std:g})"
        case initial.Uniform(limit=limit):
            return f"nn.init.uniform_(module.weight, {-limit:g}, {limit:g})"
        case initial.He(mode="fan_out"):
            return 'nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")'
    return 'nn.init.kaiming_normal_(module.weight, nonlinearity="relu")'
