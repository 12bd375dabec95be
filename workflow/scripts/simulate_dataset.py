"""Write the top-level files of the simulated BIDS data set."""

from pathlib import Path
from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.simulate.subject import write_dataset_files

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    write_dataset_files(
        Path(snakemake.output.description).parent, snakemake.params.subjects, snakemake.params.tasks
    )
