# The study, and helpers that all rules use.

import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, workflow.basedir)
from deeprecon.data.download import downloads
from deeprecon.errors import InputError
from deeprecon.machine import local_gpus, prepare_jobs
from deeprecon.provenance import code_digest
from deeprecon.registry import source_file
from deeprecon.study.closing import closing_words
from deeprecon.study import paths
from deeprecon.study.plan import Study
from deeprecon.study.settings import load_settings
from deeprecon.targets import AVERAGE

prepare_jobs(workflow.basedir)


def _study():
    """Check the configuration and make the study."""
    try:
        settings = load_settings(config)
        return Study(settings, f"results/{settings.study}")
    except InputError as error:
        raise WorkflowError(f"{error}") from None


study = _study()
settings = study.settings

HALVES = (1, 2)  # odd and even presentations of a stimulus


def code(script, *functions):
    """Digest of a script and of the project's code that it runs: a parameter of every rule.

    Functions that settings choose by import path do not appear in the script's code, so name them.
    """
    files = [Path(workflow.basedir, "workflow/scripts", f"{script}.py")]
    return code_digest(*files, *map(source_file, functions))


def image_settings():
    """Size and resampling of the images that networks see and scores compare."""
    return {"size": settings.image_size, "resampling": settings.resampling}


def of_network(pattern):
    """Fill the name of the study's network into a pattern of feature files."""
    return pattern.replace("{network}", settings.network.name)


FEATURES = of_network(paths.FEATURES)
SAMPLED_UNITS = of_network(paths.SAMPLED_UNITS)
STATISTICS = of_network(paths.STATISTICS)


def final_files():
    """The files of a finished study."""
    files = ["<results>/report/index.html", "<results>/evaluation/scores.tsv"]
    if settings.judge:
        files += ["<results>/judge/index.html", "<results>/report/judgement.html"]
    if study.simulated:
        files += ["<results>/bids/dataset_description.json"]
    return files
