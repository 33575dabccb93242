"""Neural architecture search: spaces searched with Optuna."""
