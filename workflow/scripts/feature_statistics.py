"""Mean, SD and contrast of every layer over the training images, beside what is published."""

import logging
from typing import TYPE_CHECKING

from _job import job

from deeprecon.atomic import replacing
from deeprecon.features.published import compared, strange
from deeprecon.features.statistics import LayerStatistics, write_statistics

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    params, output = snakemake.params, snakemake.output
    files = zip(params.layers, snakemake.input.layers, strict=True)
    statistics = {layer: LayerStatistics.of_file(path) for layer, path in files}
    table = compared(params.network, statistics)
    if far := strange(table):
        logging.warning(
            "contrast of %s is far from the published one: other weights or preprocessing? see %s",
            ", ".join(far), output.table,
        )  # fmt: skip
    with replacing(output.table) as temporary:
        table.to_csv(temporary, sep="\t", index=False, float_format="%.6g", na_rep="n/a")
    write_statistics(output.statistics, statistics, attributes)
