"""Pack a finished study as an RO-Crate: a zip file with a standard description of its contents.

RO-Crate 1.1 (researchobject.org), written by the package `rocrate`. Tables, pages, figures and
reconstructions are included. Stimuli, scans and features are not: they are large, and often cannot
be shared.
"""

import os
import shutil
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deeprecon import __version__
from deeprecon.atomic import replacing
from deeprecon.errors import InputError
from deeprecon.provenance import commit

PARTS: dict[str, str] = {
    "report/index.html": "report page",
    "report/quality_*.html": "quality report of a subject's scans",
    "report/*.png": "figure of the report",
    "report/settings.yaml": "settings of the study",
    "evaluation/*.tsv": "scores",
    "validity/checks.tsv": "validity checks",
    "decoded/*.tsv": "decoding accuracy",
    "recon/*/*/*/*.h5": "reconstructed images",
    "ceiling/*/*.h5": "images reconstructed from true features",
    "stimuli/*.tsv": "names, sizes and SHA-256 of the stimuli",
    # No file that identifies raters: publishing answers is up to the laboratory.
    "judge/index.html": "page for raters",
    "judge/trials.tsv": "key of the page for raters",
    "judge/study.json": "counts and checksums of the page for raters",
    "judge/observers.tsv": "answers of model observers, which are not people",
    "judge/accuracy.tsv": "accuracy of raters and of model observers",
    "judge/preferences.tsv": "preferred methods and regions",
    "judge/agreement.tsv": "agreement between raters",
    "judge/metrics.tsv": "how well metrics predict raters",
}
FORMATS = {
    ".html": "text/html",
    ".png": "image/png",
    ".yaml": "application/yaml",
    ".tsv": "text/tab-separated-values",
    ".h5": "application/x-hdf5",
}


def archived_files(study: Path) -> Iterator[tuple[Path, str]]:
    """Files of a study's results that are archived, each with a description."""
    for pattern, what in PARTS.items():
        for path in sorted(study.glob(pattern)):
            yield path, what


def archive(
    study: str | os.PathLike[str],
    output: str | os.PathLike[str],
    author: str | None = None,
    license: str | None = None,
) -> int:
    """Write a finished study as an RO-Crate.

    Parameters
    ----------
    study : folder of the study's results, `results/<study>`
    output : zip file to write
    author : name of the person responsible for the study
    license : address of the licence of the contents

    Returns
    -------
    number of files in the crate

    Raises
    ------
    InputError
        If the study is not finished, or the package `rocrate` is not installed.
    """
    study = Path(study)
    if not (study / "report/index.html").is_file():
        raise InputError(f"{study}: no report/index.html; archive a finished study")
    try:
        from rocrate.model.person import Person
        from rocrate.rocrate import ROCrate
    except ImportError:
        raise InputError("archive: install the package rocrate first") from None
    crate = ROCrate()
    crate.name = f"deeprecon study {study.name}"
    crate.description = (
        "Images reconstructed from brain activity by deeprecon, with their scores, control, "
        "scores from true features and validity checks; report/index.html shows all of them."
    )
    if license:
        crate.license = license
    if author:
        name = "#" + author.replace(" ", "-")
        crate.creator = crate.add(Person(crate, name, properties={"name": author}))
    n_files = _add_files(crate, study)
    _describe_run(crate, study.name)
    with TemporaryDirectory() as folder:
        whole = crate.write_zip(Path(folder) / "crate.zip")
        with replacing(output) as temporary:
            shutil.copyfile(whole, temporary)
    return n_files


def _add_files(crate: Any, study: Path) -> int:
    """Add the archived files of a study to a crate; return how many."""
    files = list(archived_files(study))
    for path, what in files:
        about = {
            "name": what,
            "encodingFormat": FORMATS[path.suffix],
            "contentSize": path.stat().st_size,
        }
        crate.add_file(path, path.relative_to(study).as_posix(), properties=about)
    return len(files)


def _describe_run(crate: Any, name: str) -> None:
    """Describe in the crate which software and settings made the results."""
    from rocrate.model.contextentity import ContextEntity

    versions = (
        f"{__version__}, commit {commit()}, "
        f"snakemake {version('snakemake')}, torch {version('torch')}"
    )
    software = {
        "@type": "SoftwareApplication",
        "name": "deeprecon",
        "softwareVersion": versions,
    }
    instrument = crate.add(ContextEntity(crate, "#deeprecon", properties=software))
    settings = crate.dereference("report/settings.yaml")
    run = {
        "@type": "CreateAction",
        "name": f"snakemake run of the study {name}",
        "instrument": {"@id": instrument.id},
        "object": [{"@id": settings.id}] if settings else [],
        "result": {"@id": "./"},
    }
    crate.add(ContextEntity(crate, "#run", properties=run))
    crate.root_dataset["mentions"] = [{"@id": "#run"}]
