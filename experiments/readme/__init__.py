"""The README's code, run, and its pictures."""
