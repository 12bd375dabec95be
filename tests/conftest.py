"""One finished smoke study for all tests that need it, in a copy of the project."""

import gc
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = ("Snakefile", "config.yaml", "config", "deeprecon", "envs", "profiles", "workflow")


def copy_project(folder: Path) -> None:
    """What a clone has of the workflow."""
    for name in PROJECT:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a copy of the project, with the copy's code."""
    return subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=folder,
        env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def smoke_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which the smoke study has run."""
    folder = tmp_path_factory.mktemp("smoke")
    copy_project(folder)
    done = snakemake(folder, "--cores", "2", "--configfile", "config/smoke.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Study 'smoke' is complete" in done.stdout
    return folder


def pytest_collection_finish() -> None:
    """Keep what collection made out of the garbage collector, which walks it for nothing."""
    gc.collect()
    gc.freeze()
