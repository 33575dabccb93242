"""Graph -> `torch.nn.Module`."""

from blockdsl.codegen.build import build
from blockdsl.codegen.construct import class_of, module_of, spec_of
from blockdsl.codegen.dense import dense_module, multiscale
from blockdsl.codegen.layout import prefers_channels_last
from blockdsl.codegen.names import attributes, module_path
from blockdsl.codegen.origin import graph_of
from blockdsl.codegen.place import is_placed, place
from blockdsl.codegen.verify import check_belongs, check_module, example

__all__ = [
    "attributes",
    "build",
    "check_belongs",
    "check_module",
    "class_of",
    "dense_module",
    "example",
    "graph_of",
    "is_placed",
    "module_of",
    "module_path",
    "multiscale",
    "place",
    "prefers_channels_last",
    "spec_of",
]
