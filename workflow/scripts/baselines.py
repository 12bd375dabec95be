"""Pictures that know less than the reconstructions of a set, to score beside them."""

from typing import TYPE_CHECKING

import numpy as np
from _job import job

from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.evaluate.baselines import derangement, mean_image, nearest_training
from deeprecon.evaluate.pictures import write_pictures
from deeprecon.features.sampled import read_sampled
from deeprecon.features.store import read_features
from deeprecon.reconstruct.store import read_course, read_images

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    params, files = snakemake.params, snakemake.input
    ids = list(read_stimuli(files.table)["stimulus_id"])
    training = load_images(read_stimuli(files.training), **params.image)
    images, strip = read_images(files.recon, ids), read_course(files.recon).strip
    pictures = {}
    order = derangement(len(ids), params.seed)
    if order is not None:
        pictures["shuffled_features"] = images[order]
    if files.mean_features:
        mean = read_images(files.mean_features, ["mean"])
        pictures["mean_features"] = np.repeat(mean, len(ids), axis=0)
    if strip.size:
        pictures["prior_only"] = np.repeat(strip[0, :1], len(ids), axis=0)
    sampled = read_sampled(files.sampled, params.layers)
    decoded = {}
    for layer, path in zip(params.layers, files.targets, strict=True):
        values = read_features(path, ids)[0]
        decoded[layer] = values.reshape(len(ids), -1)[:, sampled.units[layer].place]
    pictures["nearest_training"] = training[nearest_training(decoded, sampled.features)]
    pictures["mean_training"] = mean_image(training, len(ids))
    write_pictures(snakemake.output.pictures, pictures, ids, attributes)
