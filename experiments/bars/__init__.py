"""Do the error bars hold on machines that are hard and exactly solvable?"""
