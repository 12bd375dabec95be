"""Accuracy of a decoder against the number of images that it is trained with."""

from typing import TYPE_CHECKING

import numpy as np
from _job import job

from deeprecon.data.bdata import read_bdata
from deeprecon.decode.learning import training_curve
from deeprecon.decode.models import build
from deeprecon.decode.tables import read_settings, write_table
from deeprecon.features.sampled import read_sampled

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params, files, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    samples = read_bdata(files.samples)
    voxels = samples.select(f"ROI_{wildcards.roi}").astype(np.float32)
    sets, ids = (np.array(samples.labels(key)) for key in ("stimulus_set", "stimulus_id"))
    tests = {
        name: (voxels[sets == name], ids[sets == name].tolist(), read_sampled(path, params.layers))
        for name, path in zip(params.sets, files.tests, strict=True)
    }
    train = sets == "train"
    model = build(read_settings(files.settings, params.layers[-1]))
    sampled = read_sampled(files.sampled, params.layers)
    rows = training_curve(voxels[train], ids[train].tolist(), sampled, tests, model, params.seed)
    keys = {key: wildcards[key] for key in ("subject", "roi", "decoder")}
    write_table(snakemake.output.table, [keys | row for row in rows])
