"""Modules for the operations that PyTorch has no module for."""
