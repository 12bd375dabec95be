"""Compute mean, SD and contrast of each layer over the training images; compare the contrast."""

import logging
from typing import TYPE_CHECKING

from _job import job

from deeprecon.features.published import compared, implausible
from deeprecon.features.statistics import LayerStatistics, write_statistics
from deeprecon.tables import write_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    params, output = snakemake.params, snakemake.output
    files = zip(params.layers, snakemake.input.layers, strict=True)
    statistics = {layer: LayerStatistics.of_file(path) for layer, path in files}
    table = compared(params.network, statistics)
    if far := implausible(table):
        logging.warning(
            "contrast of %s is far from the published one: wrong weights or preprocessing? see %s",
            ", ".join(far), output.table,
        )  # fmt: skip
    write_table(output.table, table, missing="n/a")
    write_statistics(output.statistics, statistics, attributes)
