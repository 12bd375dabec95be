"""Note the limits of the checks of ratings, and how many files of ratings there were by then."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from _job import job

from deeprecon.atomic import replacing
from deeprecon.judge.sent.folder import rating_files
from deeprecon.judge.sent.rules import Rules, note_rules

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    path, params = Path(snakemake.output.rules), snakemake.params
    n_files = len(rating_files(params.folder))
    today = datetime.now(UTC).date().isoformat()
    log = note_rules(path, Rules.of(params.rules).digest(), n_files, today)
    with replacing(path) as temporary:
        log.to_csv(temporary, sep="\t", index=False)
