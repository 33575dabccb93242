"""Foreign weights into our modules: matched by structure, or refused."""

from blockdsl.transfer.carry import Report, carry
from blockdsl.transfer.files import read_map, read_state

__all__ = ["Report", "carry", "read_map", "read_state"]
