"""What every script of the workflow does around its one call of the library."""

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
    """Log to the rule's log file and the screen; yield the attributes for the files it writes.

    An InputError ends the job with its one line, and so does an error of the system, such as a
    full disk; anything else with a traceback.
    """
    log = Path(snakemake.log[0])
    log.parent.mkdir(parents=True, exist_ok=True)
    logging.raiseExceptions = False  # on a full disk the line still goes to the screen
    logging.basicConfig(
        level=logging.INFO,
        format=f"{snakemake.rule}: %(message)s",
        handlers=[logging.FileHandler(log, mode="w"), logging.StreamHandler()],
        force=True,
    )
    settings = {key: value for key, value in snakemake.params.items() if key != "code"}
    subject = snakemake.wildcards.get("subject", "n/a")
    try:
        yield stamp(snakemake.params.study, snakemake.rule, settings, subject)
    except InputError as error:
        logging.error("%s", error)
        sys.exit(1)
    except OSError as error:
        logging.error("%s", reason(error))
        sys.exit(1)
    except Exception:
        logging.exception("unexpected error")
        sys.exit(1)


def limit_torch_threads(snakemake: "Snakemake") -> None:
    """Keep torch to the cores that the job was given."""
    import torch

    torch.set_num_threads(snakemake.threads)
