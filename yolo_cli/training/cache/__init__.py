"""Activations of frozen blocks, computed once and kept on disk."""
