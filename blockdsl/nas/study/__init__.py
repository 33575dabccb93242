"""Studies: what they are about, where they lie, what they remember of each trial, and their winners."""
