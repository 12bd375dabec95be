"""Mean, SD and contrast of every layer over the training images."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.features.statistics import LayerStatistics, write_statistics
from deeprecon.features.store import read_features

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    files = zip(snakemake.params.layers, snakemake.input.layers, strict=True)
    statistics = {layer: LayerStatistics.of(read_features(path)[0]) for layer, path in files}
    write_statistics(snakemake.output.statistics, statistics, attributes)
