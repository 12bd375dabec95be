"""Human judgement: the study page."""

from deeprecon.judge.study import build_study, build_trials

__all__ = ["build_study", "build_trials"]
