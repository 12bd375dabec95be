"""Do test images, or what they are made of, come back from training."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.features.sampled import read_sampled
from deeprecon.validity.result import write_checks
from deeprecon.validity.stimuli import (
    category_overlap,
    image_overlap,
    imagery_labels,
    inside_clusters,
    nearest_in_features,
)

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    params, files = snakemake.params, snakemake.input
    known = read_stimuli(files.training)
    training = load_images(known, **params.image)
    features = read_sampled(files.sampled, params.layers).features
    checks = []
    for name, table, sampled in zip(params.sets, files.tables, files.tests, strict=True):
        stimuli = read_stimuli(table)
        images, of_test = load_images(stimuli, **params.image), read_sampled(sampled, params.layers)
        last = params.layers[-1]
        checks += [
            image_overlap(images, training, list(stimuli["sha256"]), list(known["sha256"]), name),
            category_overlap(
                list(stimuli.get("category", [])), list(known.get("category", [])), name
            ),
            nearest_in_features(of_test.features, features, name),
            inside_clusters(of_test.features[last], features[last], params.seed, name),
        ]
        if name in params.imagined and params.dataset == "ds001506":
            checks.append(imagery_labels(list(stimuli["stimulus_id"]), name))
    write_checks(snakemake.output.checks, checks)
