"""Names of modules: attributes of the modules around them, which Python must be able to read."""

from __future__ import annotations

from functools import cache
from keyword import iskeyword
from unicodedata import normalize

from torch.fx import Graph as TracedGraph
from torch.fx import GraphModule

from blockdsl.codegen.containers import CallPlan, Chain, NamedNetwork, WiredBlock
from blockdsl.ir import BlockCall, Graph, Layer, Path, Segment, module_name

Names = tuple[str, ...]
"""The attributes that lead to a module: `("stage1", "unit1")`."""

MAX_DEPTH = 48
"""Deeper blocks become part of their ancestor: copying and pickling modules recurse over the depth."""

_EMPTY = CallPlan((), 0, (), 0, (), 0)
_MODULES = (Chain(), WiredBlock({}, _EMPTY), NamedNetwork({}, _EMPTY), GraphModule(Chain(), TracedGraph()))
_EXPORTED = {"_guards_fn", "_in_spec", "_out_spec", "range_constraints", "validate_inputs"}
"""What `torch.export` sets on a module that it has traced."""
_RESERVED = _EXPORTED.union(name for module in _MODULES for name in dir(module))
"""The attributes of the modules themselves, and of those that PyTorch makes of them in tracing."""


def module_path(graph: Graph, layer: Layer) -> str:
    """Where a layer's module stands in the built one, for `nn.Module.get_submodule`."""
    return ".".join(attributes(graph.module_path(layer)))


def modules_by_name(graph: Graph) -> dict[str, str]:
    """The names of all layers and blocks, and what those of their modules are: `head1.conv1`, `head.conv1`.

    Only parts of shared networks have another module name than their own; it is a name of theirs, too.
    """
    found: dict[str, str] = {}
    for layer in graph.layers():
        for path in (layer.path, graph.module_path(layer)):
            for length in range(len(path), 0, -1):
                name = module_name(path[:length])
                if name in found:
                    break
                found[name] = module_name(graph.path_in_modules(path[:length]))
    return found


def block_calls(graph: Graph) -> dict[Names, BlockCall]:
    """The calls of blocks by where their modules stand; of a shared one the first."""
    calls: dict[Names, BlockCall] = {}
    for call in graph.blocks.values():
        calls.setdefault(attributes(graph.path_in_modules(call.path)), call)
    return calls


def attributes(path: Path) -> Names:
    """The attribute names that lead to a module: `stage1`, `unit1`, `conv1`.

    A name that modules have for themselves (`train`, `forward`; traced ones `code`) and a keyword of Python
    (`None`, `class`) get an underscore behind them. Python renames `__x` inside of classes, so that
    becomes `_dunder__x`.
    From the `MAX_DEPTH`-th on, names are joined by an underscore.
    """
    if len(path) > MAX_DEPTH:
        last = Segment("_".join([module_name((step,)) for step in path[MAX_DEPTH - 1 :]]))
        path = (*path[: MAX_DEPTH - 1], last)
    return tuple(map(_attribute, path))


@cache
def _attribute(step: Segment) -> str:
    """A step as an attribute of a module; different names stay different."""
    name = normalize("NFKC", module_name((step,)))  # as Python reads it
    if name.startswith(("__", "_dunder__")):
        name = f"_dunder{name}"
    stem = name.rstrip("_")
    taken = stem in _RESERVED or iskeyword(stem) or (name != stem and f"{stem}_" in _RESERVED)
    return f"{name}_" if taken else name
