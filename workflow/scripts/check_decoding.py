"""Do leaks or a collapse explain what a decoder decodes."""

from typing import TYPE_CHECKING

import numpy as np
from _job import job

from deeprecon.data.bdata import read_bdata
from deeprecon.data.stimuli import category_groups, read_stimuli
from deeprecon.decode.region import Region
from deeprecon.decode.validate import folds_of, image_sets
from deeprecon.features.sampled import read_sampled
from deeprecon.features.statistics import read_statistics
from deeprecon.features.store import read_features
from deeprecon.validity.decoding import (
    collapse,
    folds_share_images,
    normalisation,
    samples_per_stimulus,
    tuning_inputs,
)
from deeprecon.validity.result import write_checks

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params, files, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    about = f"{wildcards.subject}, {wildcards.roi}, {wildcards.decoder}"
    samples = read_bdata(files.samples)
    sets = np.array(samples.labels("stimulus_set"))
    ids = np.array(samples.labels("stimulus_id"))
    train, shown = sets == "train", ids[sets == "train"].tolist()
    stimuli = read_stimuli(files.stimuli)
    if params.hold_out == "category":
        groups = category_groups(stimuli)
    else:
        runs = np.column_stack([samples.get("Session"), samples.get("Run")])[train]
        groups = image_sets(shown, [str(run) for run in runs.tolist()])
    sha256 = dict(zip(stimuli["stimulus_id"], stimuli["sha256"], strict=True))
    folds = folds_of({name: groups[name] for name in shown}, params.n_folds, params.seed)
    rows = [np.flatnonzero(np.isin(shown, sorted(fold))) for fold in folds]

    region, sampled = Region.load(files.region), read_sampled(files.sampled, params.layers)
    statistics = read_statistics(files.statistics)
    used = {"voxels": (region.training.x_mean, region.training.x_sd)}
    for layer in params.layers:
        place = sampled.units[layer].place
        whole = statistics[layer]
        used[layer] = (whole.mean.reshape(-1)[place], whole.sd.reshape(-1)[place])
    voxels = samples.select(f"ROI_{wildcards.roi}")[train]
    checks = [
        folds_share_images([sha256[name] for name in shown], rows, about),
        normalisation(used, sampled.features | {"voxels": voxels}, about),
        tuning_inputs(params.tuning, params.sets, about),
        samples_per_stimulus(shown, sampled.stimulus_id, f"{wildcards.subject}, train"),
    ]
    decoded = dict(zip(map(tuple, params.decoded), files.decoded, strict=True))
    for name, path in zip(params.sets, files.tests, strict=True):
        layers = [layer for layer in params.layers if (name, layer) in decoded]
        true = read_sampled(path, layers)
        found = {
            layer: read_features(decoded[name, layer], true.stimulus_id)[0]
            .reshape(len(true.stimulus_id), -1)[:, true.units[layer].place]
            for layer in layers
        }  # fmt: skip
        seen = ids[sets == name].tolist()
        checks.append(collapse(found, true.features, f"{about}, {name}"))
        checks.append(samples_per_stimulus(seen, true.stimulus_id, f"{wildcards.subject}, {name}"))
    write_checks(snakemake.output.checks, checks)
