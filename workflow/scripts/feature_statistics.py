"""Mean, SD and contrast of every layer over the training images."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.features.statistics import LayerStatistics, write_statistics

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    files = zip(snakemake.params.layers, snakemake.input.layers, strict=True)
    statistics = {layer: LayerStatistics.of_file(path) for layer, path in files}
    write_statistics(snakemake.output.statistics, statistics, attributes)
