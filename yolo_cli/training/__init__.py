"""Training: recipe, trainer, schedule, checkpoints, feature cache."""
