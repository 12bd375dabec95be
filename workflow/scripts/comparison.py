"""Draw what differs in regions or in layers side by side."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.atomic import replacing
from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.reconstruct.store import read_images
from deeprecon.report.gallery import gallery, stacked

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params, paths = snakemake.params, iter(snakemake.input.recon)
    stimuli = read_stimuli(snakemake.input.table)
    ids = list(stimuli["stimulus_id"])
    originals = load_images(stimuli, **params.image)
    data = "simulated brain data" if params.simulated else "brain data"
    pages = []
    for title, labels in params.rows:
        rows = [(label, read_images(next(paths), ids)) for label in labels]
        heading = f"{snakemake.wildcards.set}, {title} ({data})"
        pages.append(gallery(originals, rows, heading, params.shown))
    with replacing(snakemake.output.figure) as temporary:
        stacked(pages).save(temporary)
