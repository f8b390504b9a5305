"""The version of this project; its one home."""

__version__ = "0.1.0"
