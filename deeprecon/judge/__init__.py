"""Human judgement: the study page, the ratings that come back, and their analysis."""
