"""Accuracy of a decoder on held-out training images, and the settings that do best there."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from _job import job

from deeprecon.data.bdata import read_bdata
from deeprecon.data.stimuli import category_groups, read_stimuli
from deeprecon.decode.models import build, candidates
from deeprecon.decode.stream import permuted
from deeprecon.decode.tables import validation_table, write_table
from deeprecon.decode.validate import cross_validate, folds_of, image_sets
from deeprecon.errors import about
from deeprecon.features.sampled import read_sampled

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    params, wildcards = snakemake.params, snakemake.wildcards
    samples = read_bdata(snakemake.input.samples)
    rows = np.array(samples.labels("stimulus_set")) == "train"
    voxels = samples.select(f"ROI_{wildcards.roi}")[rows].astype(np.float32)
    shown = np.array(samples.labels("stimulus_id"))[rows].tolist()
    if params.hold_out == "category":
        groups = category_groups(read_stimuli(snakemake.input.stimuli))
    else:
        runs = np.column_stack([samples.get("Session"), samples.get("Run")])[rows]
        groups = image_sets(shown, [str(run) for run in runs.tolist()])
    sampled = read_sampled(snakemake.input.sampled, params.layers)
    if params.model["permute_labels"]:
        sampled = replace(sampled, stimulus_id=permuted(sampled.stimulus_id, params.seed))
    settings = candidates(params.model, voxels.shape[1])
    folds = folds_of({name: groups[name] for name in shown}, params.n_folds, params.seed)
    with about(snakemake.input.samples):
        scores = cross_validate(
            voxels, shown, sampled, folds, [build(each) for each in settings], snakemake.threads
        )
    keys = {key: wildcards[key] for key in ("subject", "roi", "decoder")}
    write_table(snakemake.output.table, validation_table(settings, scores, keys))
