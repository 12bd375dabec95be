"""Make a published generator, and the bounds of its latents, into one torch file."""

import math
from typing import TYPE_CHECKING

from _job import job

from deeprecon.reconstruct.generators import read_bounds, read_generator, save_generator

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    given, files = snakemake.params.generator, snakemake.input
    generator = read_generator(files.weights, given["kind"])
    upper = given.get("upper")
    if files.upper:
        upper = read_bounds(files.upper, math.prod(generator.latent_shape))
    # What it inverts lies behind a ReLU.
    save_generator(snakemake.output.generator, generator, 0.0, upper, attributes)
