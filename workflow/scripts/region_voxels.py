"""Put a region's samples into the sums that the decoders of all layers use."""

from typing import TYPE_CHECKING

import numpy as np
from _job import job

from deeprecon.data.bdata import read_bdata
from deeprecon.decode.models import candidates
from deeprecon.decode.region import Region
from deeprecon.decode.reliability import voxel_reliability
from deeprecon.decode.tables import write_table
from deeprecon.errors import about

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    params = snakemake.params
    samples = read_bdata(snakemake.input.samples)
    with about(snakemake.input.samples):
        voxels = samples.select(f"ROI_{snakemake.wildcards.roi}").astype(np.float32)
        ids, sets = samples.labels("stimulus_id"), samples.labels("stimulus_set")
    for settings in params.models:
        candidates(settings, voxels.shape[1])  # says so if there are too few
    with about(snakemake.input.samples):
        region = Region.of(voxels, ids, sets, params.sets)
    keys = {key: snakemake.wildcards[key] for key in ("subject", "roi")}
    rows = [
        keys | {"set": name} | row
        for name, test in region.tests.items()
        for row in voxel_reliability(region.training.standardised(test.X), test.stimulus_id)
    ]
    write_table(snakemake.output.reliability, rows)
    region.save(snakemake.output.region, attributes)
