"""Compiled twins of the unit types: `draw`, `cgf`, `activation` (means and their derivatives)."""
