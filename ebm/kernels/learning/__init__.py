"""Steps of learning: optimisers, and whole epochs of small machines."""
