"""Write the images and tables of the stimulus sets of a simulated study."""

from pathlib import Path
from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.simulate.images import simulate_stimuli

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params = snakemake.params
    folder = Path(snakemake.output.tables[0]).parent
    simulate_stimuli(folder, params.sets, params.size, params.n_training_images, params.seed)
