"""Train the encoding model of a region on the training images, and save it."""

from typing import TYPE_CHECKING

import numpy as np
from _job import job

from deeprecon.data.bdata import read_bdata
from deeprecon.data.stimuli import read_stimuli
from deeprecon.decode.folds import training_folds, training_groups
from deeprecon.decode.region import Region
from deeprecon.evaluate.encoding import EncodingModel, training_responses
from deeprecon.features.sampled import read_sampled

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    params, files = snakemake.params, snakemake.input
    region = Region.load(files.region)
    shown = region.training.stimulus_id
    sampled = read_sampled(files.sampled, params.layers, shown)
    groups = training_groups(
        read_bdata(files.samples), read_stimuli(files.stimuli), params.hold_out
    )
    folds = training_folds(shown, groups, params.n_folds, params.seed)
    features = np.concatenate(list(sampled.features.values()), axis=1)
    model = EncodingModel.fit(features, training_responses(region), folds)
    model.save(snakemake.output.model, attributes)
