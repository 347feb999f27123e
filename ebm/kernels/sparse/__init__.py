"""Sweeps and cluster moves of fully connected machines with sparse couplings."""
