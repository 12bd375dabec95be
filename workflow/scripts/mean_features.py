"""Write the mean features of the training images as a stimulus to reconstruct."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.features.statistics import read_statistics
from deeprecon.features.store import write_features

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    statistics = read_statistics(snakemake.input.statistics)
    for layer, path in zip(snakemake.params.layers, snakemake.output.features, strict=True):
        mean = statistics[layer].mean[None].astype("float32")
        write_features(path, mean, ["mean"], attributes)
