"""Prepare the samples of a region for the decoders of all layers."""

from typing import TYPE_CHECKING

import numpy as np
from _job import job

from deeprecon.data.bdata import read_bdata
from deeprecon.decode.models import check_voxels
from deeprecon.decode.region import Region
from deeprecon.errors import about
from deeprecon.tables import write_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    params = snakemake.params
    samples = read_bdata(snakemake.input.samples)
    with about(snakemake.input.samples):
        voxels = samples.select(f"ROI_{snakemake.wildcards.roi}").astype(np.float32)
        ids, sets = samples.labels("stimulus_id"), samples.labels("stimulus_set")
    check_voxels(params.models, voxels.shape[1])
    with about(snakemake.input.samples):
        region = Region.of(voxels, ids, sets, params.sets)
    keys = {key: snakemake.wildcards[key] for key in ("subject", "roi")}
    rows = [keys | row for row in region.reliability()]
    write_table(snakemake.output.reliability, rows, digits=None)
    region.save(snakemake.output.region, attributes)
