"""Decoders trained on a later stimulus, on noise, and with clusters held out."""

from typing import TYPE_CHECKING

import numpy as np
from _job import job

from deeprecon.data.bdata import read_bdata
from deeprecon.decode.models import build
from deeprecon.decode.tables import read_settings
from deeprecon.features.sampled import read_sampled
from deeprecon.validity.result import write_checks
from deeprecon.validity.retrain import controls, hold_out_clusters

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params, files, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    about = f"{wildcards.subject}, {wildcards.roi}, {wildcards.decoder}"
    samples = read_bdata(files.samples)
    voxels = samples.select(f"ROI_{wildcards.roi}").astype(np.float32)
    sets, ids = np.array(samples.labels("stimulus_set")), samples.labels("stimulus_id")
    run = [
        str(one) for one in np.column_stack([samples.get("Session"), samples.get("Run")]).tolist()
    ]
    train = sets == "train"
    sampled = read_sampled(files.sampled, params.layers)
    model = build(read_settings(files.settings, params.layers[-1]))
    shown = [name for name, chosen in zip(ids, train, strict=True) if chosen]
    checks = [hold_out_clusters(voxels[train], shown, sampled, model, params.seed, about)]
    for name, path in zip(params.sets, files.tests, strict=True):
        true = read_sampled(path, params.layers)
        place = f"{about}, {name}"
        checks += controls(
            voxels, ids, run, train, sets == name, sampled, true, model, params.seed, place
        )
    write_checks(snakemake.output.checks, checks)
