"""Human judgement: the study page, ratings in, analysis out."""

from deeprecon.judge.questions import Task
from deeprecon.judge.study import build_study
from deeprecon.judge.trials import build_trials

__all__ = ["Task", "build_study", "build_trials"]
