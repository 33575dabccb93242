"""Graph -> readable, standalone PyTorch."""

from blockdsl.export.python.write import python_source

__all__ = ["python_source"]
