"""Draw all images of a set above their reconstructions."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.atomic import replacing
from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.reconstruct.store import read_images
from deeprecon.report.gallery import gallery

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params = snakemake.params
    stimuli = read_stimuli(snakemake.input.table)
    ids = list(stimuli["stimulus_id"])
    files = zip(params.rows, snakemake.input.recon, strict=True)
    rows = [(label, read_images(path, ids)) for label, path in files]
    data = "simulated brain data" if params.simulated else "brain data"
    title = f"{snakemake.wildcards.set}: all {len(ids)} images, {data}"
    with replacing(snakemake.output.figure) as temporary:
        gallery(load_images(stimuli, **params.image), rows, title, params.shown).save(temporary)
