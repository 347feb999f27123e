"""Layers: products with weights, inputs, means and draws of one layer given the other."""
