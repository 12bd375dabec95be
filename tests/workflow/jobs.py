"""Scripts of the workflow run in this process, as Snakemake runs them."""

import logging
import re
import runpy
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.iocontainers import InputFiles, Log, OutputFiles, Params, Wildcards

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"


@dataclass(frozen=True)
class Job:
    """What Snakemake gives a script; its outputs lie in a folder of its name."""

    output: dict[str, Any]
    input: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    wildcards: dict[str, str] = field(default_factory=dict)


def outputs(folder: str, **names: str) -> dict[str, str]:
    """Files in a folder."""
    return {key: f"{folder}/{name}" for key, name in names.items()}


def log_of(script: str) -> Path:
    """Log file of a script."""
    return Path("logs", f"{script}.log")


def execute(
    job: Job,
    script: str,
    input: dict[str, Any],
    params: dict[str, Any],
    rule: str | None = None,
) -> None:
    """Run a script, with changes of its input and settings; for a rule of another name, if any."""
    params = {"study": "tiny", "code": "", **job.params, **params}
    snakemake = SimpleNamespace(
        input=InputFiles(fromdict=job.input | input),
        output=OutputFiles(fromdict=job.output),
        params=Params(fromdict=params),
        wildcards=Wildcards(fromdict={"subject": "sub-01", **job.wildcards}),
        log=Log([str(log_of(script))]),
        rule=rule or script,
        threads=1,
    )
    runpy.run_path(str(SCRIPTS / f"{script}.py"), init_globals={"snakemake": snakemake})


@contextmanager
def logging_kept() -> Iterator[None]:
    """Leave the handlers of pytest as they were, since scripts put theirs in their place."""
    root, raise_exceptions = logging.getLogger(), logging.raiseExceptions
    handlers, level = root.handlers[:], root.level
    yield
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:], logging.raiseExceptions = handlers, raise_exceptions
    root.setLevel(level)


def lines_of_failure(
    job: Job, script: str, capsys: pytest.CaptureFixture[str], **changes: Any
) -> list[str]:
    """Run a script that fails, without earlier output; the lines of its log."""
    shutil.rmtree(script)
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        execute(job, script, changes.get("input", {}), changes.get("params", {}))
    assert end.value.code == 1
    written = log_of(script).read_text()
    assert "".join(capsys.readouterr()) == written
    return written.splitlines()


def check_line(lines: list[str], script: str, expected: str) -> None:
    """One line, which says what is expected."""
    assert len(lines) == 1, lines
    assert re.fullmatch(f"{script}: {expected}", lines[0]), lines[0]
