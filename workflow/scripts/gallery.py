"""Draw all images of a set above their reconstructions."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.atomic import replacing
from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.reconstruct.store import read_images
from deeprecon.report.gallery import galleries

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params = snakemake.params
    stimuli = read_stimuli(snakemake.input.table)
    ids = list(stimuli["stimulus_id"])
    reconstructions = (read_images(path, ids) for path in snakemake.input.recon)
    page = galleries(
        load_images(stimuli, **params.image), reconstructions, params.blocks, params.shown
    )
    with replacing(snakemake.output.figure) as temporary:
        page.save(temporary)
