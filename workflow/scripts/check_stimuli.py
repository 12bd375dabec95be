"""Check whether test images overlap with training images."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.validity.check_stimuli import check_stimuli_of
from deeprecon.validity.result import write_checks

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params, files = snakemake.params, snakemake.input
    tests = zip(files.tables, files.tests, strict=True)
    checks = check_stimuli_of(
        dict(zip(params.sets, tests, strict=True)),
        files.training,
        files.sampled,
        layers=params.layers,
        image=params.image,
        imagined=params.imagined,
        seed=params.seed,
    )
    write_checks(snakemake.output.checks, checks)
