"""Do the estimators learn sensibly at their defaults, on real tables?"""
