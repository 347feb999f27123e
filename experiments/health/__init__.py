"""Verdicts of `ebm.health` on machines whose history is known."""
