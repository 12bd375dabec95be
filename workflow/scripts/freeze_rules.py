"""Log the limits for excluding raters, with the present number of rating files."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from _job import job

from deeprecon.judge.ratings.reading import rating_files
from deeprecon.judge.ratings.rules_log import note_rules
from deeprecon.judge.settings import Rules
from deeprecon.tables import write_table

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    path, params = snakemake.output.rules, snakemake.params
    n_files = len(rating_files(params.folder))
    today = datetime.now(UTC).date().isoformat()
    write_table(path, note_rules(path, Rules(**params.rules).digest(), n_files, today))
