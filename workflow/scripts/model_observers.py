"""Let model observers (formulas, not people) answer the trials of the study."""

from functools import partial
from typing import TYPE_CHECKING

from _job import job

from deeprecon.features.extract import extract
from deeprecon.features.networks import of_settings
from deeprecon.judge.observers import observe, study_similarities
from deeprecon.judge.study import read_key
from deeprecon.machine import limit_torch_threads
from deeprecon.tables import write_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    limit_torch_threads(snakemake.threads)
    files, params = snakemake.input, snakemake.params
    network = of_settings(params.network, files.weights or None)
    similarities, stimuli = study_similarities(
        params.targets,
        files.recon,
        files.tables,
        partial(extract, network, layers=params.network["layers"]),
        params.image,
    )
    key, _ = read_key(files.trials)
    answers = observe(key, similarities, stimuli, params.seed)
    write_table(snakemake.output.responses, answers)
