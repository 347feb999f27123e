"""Sweeps of fully connected machines with dense couplings."""
