"""Do the samplers find what is hard to find, and go where they should?"""
