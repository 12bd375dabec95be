"""Copy the user's stimuli of one set into the study."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.stimuli import import_stimuli

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    import_stimuli(snakemake.input.table, snakemake.output.table)
