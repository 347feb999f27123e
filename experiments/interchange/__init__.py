"""Question: do other programs and this one agree on the energies of each other's machines?"""
