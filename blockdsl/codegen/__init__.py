"""Graph -> `torch.nn.Module`."""

from blockdsl.codegen.build import build
from blockdsl.codegen.layout import prefers_channels_last
from blockdsl.codegen.table import TABLE, module_of
from blockdsl.codegen.verify import check_module, module_path

__all__ = ["TABLE", "build", "check_module", "module_of", "module_path", "prefers_channels_last"]
