"""log Z: rugged machines, a real one, and what they cost."""
