"""Score the decoded features of the test stimuli: each unit, each stimulus, and the means."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.decode.scoring import score_files
from deeprecon.features.statistics import read_statistics
from deeprecon.tables import write_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake) as attributes:
    params, files, output = snakemake.params, snakemake.input, snakemake.output
    keys = {key: snakemake.wildcards[key] for key in ("subject", "roi", "decoder")}
    means, stimuli = score_files(
        params.files,
        files.decoded,
        files.true,
        read_statistics(files.statistics),
        output.units,
        keys | {"permuted": params.permuted},
        attributes,
    )
    write_table(output.scores, means, digits=None)
    write_table(output.stimuli, stimuli, digits=None)
