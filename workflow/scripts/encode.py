"""Train the encoding model of a region on the training images, and save it."""

from typing import TYPE_CHECKING

import numpy as np
from _job import job

from deeprecon.data.stimuli import category_groups, read_stimuli
from deeprecon.decode.region import Region
from deeprecon.decode.validate import folds_of
from deeprecon.evaluate.encoding import EncodingModel, training_responses
from deeprecon.features.sampled import read_sampled

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    params = snakemake.params
    region = Region.load(snakemake.input.region)
    shown = region.training.stimulus_id
    sampled = read_sampled(snakemake.input.sampled, params.layers, shown)
    groups = {name: name for name in shown}
    if params.hold_out == "category":
        known = category_groups(read_stimuli(snakemake.input.stimuli))
        groups = {name: known[name] for name in shown}
    folds = [
        np.flatnonzero(np.isin(shown, sorted(fold)))
        for fold in folds_of(groups, params.n_folds, params.seed)
    ]
    features = np.concatenate(list(sampled.features.values()), axis=1)
    model = EncodingModel.fit(features, training_responses(region), folds)
    model.save(snakemake.output.model, attributes)
