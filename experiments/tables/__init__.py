"""Real tables: gaps, mixed columns, counts."""
