"""A network in the forms that others take."""
