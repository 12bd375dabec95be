"""Human judgement: the study page."""
