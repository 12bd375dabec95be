"""Train one layer's decoder in one ROI and predict the features of every test set."""

from typing import TYPE_CHECKING

import numpy as np
from _job import job

from deeprecon.data.bdata import read_bdata
from deeprecon.data.stimuli import category_groups, read_stimuli
from deeprecon.decode.layer import LayerDecoder
from deeprecon.decode.ridge import TopKRidge
from deeprecon.decode.validate import cross_validated_accuracy, write_accuracy
from deeprecon.features.store import read_features, write_features

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    params, wildcards = snakemake.params, snakemake.wildcards
    samples = read_bdata(snakemake.input.samples)
    voxels = samples.select(f"ROI_{wildcards.roi}").astype(np.float32)
    sets = np.array(samples.labels("stimulus_set"))
    ids = np.array(samples.labels("stimulus_id"))
    features, known = read_features(snakemake.input.train)
    if params.model["permute_labels"]:
        known = [str(name) for name in np.random.default_rng(params.seed).permutation(known)]
    rows, settings = sets == "train", {key: params.model[key] for key in ("n_voxels", "alpha")}
    X, shown = voxels[rows], ids[rows].tolist()
    groups = category_groups(read_stimuli(snakemake.input.stimuli))
    accuracy = cross_validated_accuracy(
        X, shown, features, known, groups, **settings, seed=params.seed
    )
    model = TopKRidge(**settings, n_jobs=snakemake.threads)
    decoder = LayerDecoder(model).fit(X, shown, features, known)
    for name, path in zip(params.sets, snakemake.output.features, strict=True):
        predicted, stimuli = decoder.predict(voxels[sets == name], ids[sets == name].tolist())
        write_features(path, predicted, stimuli, attributes)
    keys = {key: wildcards[key] for key in ("subject", "roi", "decoder", "layer")}
    write_accuracy(snakemake.output.accuracy, keys | {"accuracy": accuracy})
