"""The frame of every script: log file, attributes of output files, one-line errors."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deeprecon.errors import InputError, reason
from deeprecon.provenance import stamp

if TYPE_CHECKING:
    from snakemake.script import Snakemake


@contextmanager
def job(snakemake: "Snakemake") -> Iterator[dict[str, str]]:
    """Log to the rule's log file and the screen; yield the attributes of its output files.

    An InputError or a system error, such as a full disk, ends the job with one line.
    """
    Path(snakemake.log[0]).parent.mkdir(parents=True, exist_ok=True)
    logging.raiseExceptions = False  # on a full disk, the line still reaches the screen
    logging.basicConfig(
        level=logging.INFO,
        format=f"{snakemake.rule}: %(message)s",
        handlers=[logging.FileHandler(snakemake.log[0], mode="w"), logging.StreamHandler()],
        force=True,
    )
    settings = {key: value for key, value in snakemake.params.items() if key != "code"}
    subject = snakemake.wildcards.get("subject", "n/a")
    try:
        yield stamp(snakemake.params.study, snakemake.rule, settings, subject)
    except (InputError, OSError) as error:
        logging.error("%s", reason(error) if isinstance(error, OSError) else error)
        sys.exit(1)
    except Exception:
        logging.exception("unexpected error")
        sys.exit(1)
