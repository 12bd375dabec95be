"""Convert a published generator and the bounds of its latents into one torch file."""

import math
from typing import TYPE_CHECKING

from _job import job

from deeprecon.reconstruct.generator_files import read_bounds, read_generator, save_generator

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    given, files = snakemake.params.generator, snakemake.input
    generator = read_generator(files.weights, given["kind"])
    upper = given.get("upper")
    if files.upper:
        upper = read_bounds(files.upper, math.prod(generator.latent_shape))
    # The lower bound is 0, because the generator inverts values after a ReLU.
    save_generator(snakemake.output.generator, generator, 0.0, upper, attributes)
