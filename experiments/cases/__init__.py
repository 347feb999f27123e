"""Small programs that once failed: does each give the right value, or one clear line?"""
