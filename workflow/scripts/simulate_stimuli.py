"""Write the images and tables of the simulated study's stimulus sets."""

from pathlib import Path
from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.stimuli import simulated_images, write_stimuli

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params = snakemake.params
    folder = Path(snakemake.output.tables[0]).parent
    for name in params.sets:
        images = simulated_images(name, params.size, params.n_training_images, params.seed)
        write_stimuli(folder, name, images)
