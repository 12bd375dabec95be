"""Do reconstructions show what the brain adds, and are they what was scored."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from _job import job
from numpy.typing import NDArray
from PIL import Image

from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.evaluate.colours import mean_colour, similarity_of_distances
from deeprecon.evaluate.metrics import pixel_correlation
from deeprecon.evaluate.pictures import read_pictures
from deeprecon.evaluate.within import colours_and_shapes
from deeprecon.reconstruct.store import read_images
from deeprecon.stats.correlation import similarity_matrix
from deeprecon.stats.identification import (
    ranks_among_training,
    two_way_identification,
    two_way_within,
)
from deeprecon.validity.identification import among_training, colour_and_shape, within_categories
from deeprecon.validity.images import (
    beyond_prior,
    colour_alone,
    gain_over_nearest,
    gain_over_shuffled,
    recovery,
    sanity,
    scored_is_shown,
    variety,
)
from deeprecon.validity.result import not_run, write_checks

if TYPE_CHECKING:
    from snakemake.script import snakemake


def accuracy(similarity: NDArray[np.float64]) -> float:
    """Mean two-way identification; NaN of one image."""
    return float(two_way_identification(similarity).mean()) if len(similarity) > 1 else np.nan


with job(snakemake):
    params, files, wildcards = snakemake.params, snakemake.input, snakemake.wildcards
    name = wildcards.set
    about = f"{wildcards.subject}, {wildcards.roi}, {wildcards.method}, {name}"
    stimuli = read_stimuli(files.table)
    ids, categories = list(stimuli["stimulus_id"]), list(stimuli.get("category", []))
    true, training = (
        load_images(table, **params.image) for table in (stimuli, read_stimuli(files.training))
    )
    recon, baselines = read_images(files.recon, ids), read_pictures(files.baselines, ids)
    similarity = similarity_matrix(true, recon)
    own = pixel_correlation(true, recon)
    nearest = pixel_correlation(true, baselines["nearest_training"])
    shown = [np.asarray(Image.open(Path(files.folder, f"{one}.png"))) for one in ids]
    colour = similarity_of_distances(mean_colour(true), mean_colour(recon))
    # Of methods with random starts this is the start of the first image.
    priors = {
        str(name): baselines[name] for name in ("prior_only", "mean_features") if name in baselines
    }
    checks = [
        variety(true, recon, about),
        beyond_prior(true, recon, priors, about),
        among_training(ranks_among_training(recon, true, training), 1 + len(training), about),
        gain_over_nearest(own, nearest, about),
        sanity(true, params.seed, about=name),
        colour_alone(accuracy(similarity), accuracy(colour), about),
        scored_is_shown(recon, shown, about),
    ]
    if "shuffled_features" in baselines:
        shuffled = pixel_correlation(true, baselines["shuffled_features"])
        checks.append(gain_over_shuffled(own, shuffled, about))
    else:
        checks.append(not_run("V12", "No other image to take features of.", about))
    if files.ceiling:
        of_true = similarity_matrix(true, read_images(files.ceiling, ids))
        checks.append(recovery(accuracy(of_true), f"{wildcards.method}, {name}"))
    if len(set(categories)) < len([name for name in categories if name]):
        checks.append(within_categories(similarity, categories, about))
    parts = colours_and_shapes(categories)
    if parts is not None:
        colours, shapes = parts
        by_colour, by_shape = (two_way_within(similarity, same) for same in (shapes, colours))
        checks.append(colour_and_shape(by_colour, by_shape, about))
    write_checks(snakemake.output.checks, checks)
