"""The folder of a training run: its files, its configuration, its checkpoint."""
