"""The published likelihoods, re-measured."""
