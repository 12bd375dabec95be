"""Put the scores of all methods into one table."""

from typing import TYPE_CHECKING

import pandas as pd
from _job import job

from deeprecon.atomic import replacing

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    files = dict.fromkeys(snakemake.input.tables)
    tables = [pd.read_csv(path, sep="\t", dtype={"stimulus_id": str}) for path in files]
    with replacing(snakemake.output.table) as temporary:
        pd.concat(tables).to_csv(temporary, sep="\t", index=False)
