"""Read and check what raters sent."""

from typing import TYPE_CHECKING

from _job import job

from deeprecon.judge.ratings.reading import read_folder
from deeprecon.judge.ratings.rules_log import read_log
from deeprecon.judge.settings import Rules
from deeprecon.judge.study import read_key
from deeprecon.tables import write_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    files, params, output = snakemake.input, snakemake.params, snakemake.output
    key, sha256 = read_key(files.trials)
    ratings = read_folder(params.folder, key, sha256, Rules(**params.rules), read_log(files.rules))
    write_table(output.responses, ratings.responses)
    write_table(output.raters, ratings.raters)
    write_table(output.findings, ratings.findings)
