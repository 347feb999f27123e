"""Inverse problems measured; see README.md."""
