"""What may stand in a file's `train` section: settings, and terms by role. Imports no torch."""

from blockdsl.recipe import augment, initial, terms
from blockdsl.recipe.settings import Recipe
from blockdsl.recipe.term import RecipeError, Term, find_term, terms_of

__all__ = ["Recipe", "RecipeError", "Term", "augment", "find_term", "initial", "terms", "terms_of"]
