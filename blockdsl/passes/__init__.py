"""Rewrites, one a file: a program and its decisions, or a graph, become another."""
