"""Neural architecture search: spaces of networks, searched with Optuna."""
