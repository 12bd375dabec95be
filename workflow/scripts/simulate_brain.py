"""Write the T1w image, the ROI masks and the true voxel responses of a simulated subject."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.simulate.settings import Physiology
from deeprecon.data.simulate.subject import simulate_brain
from deeprecon.data.stimuli import load_images, read_stimuli

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    params = snakemake.params
    stimuli = {
        name: load_images(read_stimuli(table), **params.image)
        for name, table in zip(params.sets, snakemake.input.tables, strict=True)
    }
    simulate_brain(
        t1w=snakemake.output.t1w,
        masks=snakemake.output.masks,
        truth=snakemake.output.truth,
        subject=snakemake.wildcards.subject,
        stimuli=stimuli,
        physiology=Physiology(**params.physiology),
        seed=params.seed,
        attributes=attributes,
    )
