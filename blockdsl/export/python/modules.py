"""A leaf of the network as the call that a person writes for it: `nn.Conv2d(64, 128, 3, padding=1)`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from blockdsl.codegen.layers import activation, linear, norm, pool, scale, sequence
from blockdsl.diagnostics import error
from blockdsl.ir import Layer


@dataclass(frozen=True)
class Name:
    """A name of the written file as a value: `nn.ReLU`."""

    text: str


@dataclass(frozen=True)
class Leaf:
    """How a layer's module is made.

    Attributes:
        kind: the class as it is written, `nn.Conv2d` or `DropPath`.
        module: the class itself.
        args: every argument in the order of the constructor; `defaults` of those that have one.
        state: whether it has parameters or buffers, so that its name is part of `state_dict` keys.
    """

    kind: str
    module: type[nn.Module]
    args: dict[str, Any]
    defaults: dict[str, Any] = field(default_factory=dict)
    state: bool = False


def leaf_of(layer: Layer, module: nn.Module, kind: str) -> Leaf:
    """The call that makes a layer's module, whose class is written as `kind`.

    Raises:
        ArchError: an operation registered by a user, whose module does not keep what it was made with.
    """
    cls = type(module)
    ours = not kind.startswith("nn.")
    given = _READERS[cls](module) if cls in _READERS else {}
    parameters = inspect.signature(cls).parameters
    args: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    if any(p.kind is p.VAR_POSITIONAL for p in parameters.values()):
        args |= {name: value for name, value in given.items() if name not in parameters}
    for name, parameter in parameters.items():
        if name in _NEVER or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.default is not parameter.empty:
            defaults[name] = parameter.default
        if name in given or hasattr(module, name):
            value = given.get(name, getattr(module, name, None))
            args[name] = value if ours and isinstance(value, tuple) else _value(value, name)
        elif ours or name not in defaults:
            raise error(
                "output",
                f"{layer.operation.name} cannot be written as Python: "
                f"its module keeps no attribute {name} to tell what it was made with",
                layer.span,
                calls=layer.call.chain() if layer.call else (),
                help=f"let {cls.__name__}.__init__ set self.{name} = {name}",
            )
    if "affine" in parameters or "elementwise_affine" in parameters:
        args.pop("bias", None)
    return Leaf(kind, cls, args, defaults, bool(module.state_dict()))


_NEVER = frozenset(
    {"device", "dtype", "padding_mode", "inplace", "track_running_stats", "min_value", "max_value"}
)


def _value(value: Any, name: str) -> Any:
    """A setting as one writes it by hand: 3 for (3, 3), whether there is a bias for the bias itself."""
    if name == "bias" and not isinstance(value, bool):
        return value is not None
    if isinstance(value, tuple):
        if name in _PAIRS and len(value) == 2 and value[0] == value[1]:
            return _value(value[0], "")
        return tuple(_value(v, "") for v in value)
    if name == "scale_factor" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


_PAIRS = frozenset(
    {"kernel_size", "stride", "padding", "dilation", "output_padding", "output_size", "scale_factor"}
)


def _own_step(module: Any) -> dict[str, Any]:
    """Pooling steps by its window unless another step is given."""
    same = module.stride in (module.kernel_size, (module.kernel_size,) * 2)
    return {"stride": None if same else module.stride}


def _layer_norm(module: Any) -> dict[str, Any]:
    return {"normalized_shape": module.normalized_shape[0]}


def _batch(module: Any) -> dict[str, Any]:
    return {name: getattr(module, name) for name in ("num_features", "eps", "momentum", "affine")}


def _response(module: Any) -> dict[str, Any]:
    return {name: getattr(module, name) for name in ("size", "alpha", "beta", "k", "groups", "within")}


def _attention(module: Any) -> dict[str, Any]:
    return {"features": module.in_proj_weight.shape[1], "bias": module.in_proj_bias is not None}


def _channels(module: Any) -> dict[str, Any]:
    return {"channels": 0 if module.weight is None else len(module.weight)}


_READERS: dict[type[nn.Module], Callable[[Any], dict[str, Any]]] = {
    nn.MaxPool2d: _own_step,
    nn.AvgPool2d: _own_step,
    nn.LPPool2d: _own_step,
    nn.LayerNorm: _layer_norm,
    nn.RMSNorm: lambda m: {"normalized_shape": m.normalized_shape[0]},
    norm.LayerNorm2d: _layer_norm,
    norm.RMSNorm2d: lambda m: {"normalized_shape": m.normalized_shape[0]},
    norm.FrozenBatchNorm1d: _batch,
    norm.FrozenBatchNorm2d: _batch,
    norm.LocalResponseNorm2d: _response,
    norm.GlobalResponseNorm: _channels,
    norm.L2Norm: _channels,
    activation.Swish: lambda m: {"beta": m.start, "learned": isinstance(m.beta, nn.Parameter)},
    pool.Subsample2d: _channels,
    linear.RBF: lambda m: {"classes": m.codes.shape[0]},
    scale.LayerScale: _channels,
    scale.Affine: _channels,
    sequence.ClassToken: lambda m: {"features": m.token.shape[2]},
    sequence.Position: lambda m: {"shape": tuple(m.embedding.shape[1:])},
    sequence.SelfAttention: _attention,
}
"""What a module does not keep under the name of its constructor's argument."""
