"""Read what raters sent: every file is checked, and no file is trusted."""

import logging
from typing import TYPE_CHECKING

from _job import job

from deeprecon.atomic import replacing
from deeprecon.errors import InputError
from deeprecon.judge.sent.folder import rating_files
from deeprecon.judge.sent.ratings import read_ratings
from deeprecon.judge.sent.rules import Rules, read_log
from deeprecon.judge.study import read_key

if TYPE_CHECKING:
    from snakemake.script import snakemake

with job(snakemake):
    files, params = snakemake.input, snakemake.params
    key, sha256 = read_key(files.trials)
    given = rating_files(params.folder)
    ratings = read_ratings(given, key, sha256, Rules.of(params.rules), read_log(files.rules))
    for row in ratings.findings.itertuples():
        if row.severity in ("error", "exclusion"):
            logging.warning("%s: %s: %s", row.file, row.check, row.message)
    if given and ratings.raters.empty:
        first = ratings.findings.iloc[0]
        raise InputError(
            f"{params.folder}: none of {len(given)} files could be used, such as {first['file']}: "
            f"{first['message']}"
        )
    logging.info("%d raters, %d kept", len(ratings.raters), int(ratings.raters["kept"].sum()))
    for path, table in (
        (snakemake.output.responses, ratings.responses),
        (snakemake.output.raters, ratings.raters),
        (snakemake.output.findings, ratings.findings),
    ):
        with replacing(path) as temporary:
            table.to_csv(temporary, sep="\t", index=False, float_format="%.6g")
