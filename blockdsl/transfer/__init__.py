"""Foreign weights into our modules: matched by structure, or refused."""

from blockdsl.transfer.carry import Report, carry, fill
from blockdsl.transfer.files import read_map, read_state
from blockdsl.transfer.own import load_weights
from blockdsl.transfer.tensors import State, check_values

__all__ = ["Report", "State", "carry", "check_values", "fill", "load_weights", "read_map", "read_state"]
