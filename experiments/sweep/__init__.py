"""Sweeps under every engine and every disturbance; see README.md."""
