"""Samplers that know networks: a Gaussian process, evolution, local search."""
