"""Spaces of networks: files with choices, reached, drawn, counted and frozen without torch or Optuna."""

from blockdsl.space.candidate import Assignment, Candidate
from blockdsl.space.domains import Domain, Value, draw, values
from blockdsl.space.space import Space, is_static

__all__ = ["Assignment", "Candidate", "Domain", "Space", "Value", "draw", "is_static", "values"]
