"""Classification and regression against published tables."""
