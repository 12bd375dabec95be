"""A finished study as an RO-Crate: a zip that says in a standard way what is in it.

RO-Crate 1.1 (researchobject.org), written by the package `rocrate`. Tables, pages, pictures and
reconstructions go in; stimuli, scans and features do not: they are large, and often not one's own.
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
    "report/quality_*.html": "quality of a subject's scans",
    "report/*.png": "figure of the report",
    "report/settings.yaml": "settings of the study",
    "evaluation/*.tsv": "scores",
    "validity/checks.tsv": "validity checks",
    "decoded/*.tsv": "decoding accuracy",
    "recon/*/*/*/*.h5": "reconstructed images",
    "ceiling/*/*.h5": "images reconstructed from true features",
    "stimuli/*.tsv": "names, sizes and SHA-256 of the stimuli",
    # Nothing that names a rater: answers are the laboratory's to publish.
    "judge/index.html": "page for raters",
    "judge/trials.tsv": "key of the page for raters",
    "judge/study.json": "counts and checksums of the page for raters",
    "judge/observers.tsv": "answers of model observers, who are no people",
    "judge/accuracy.tsv": "accuracy of raters and of model observers",
    "judge/preferences.tsv": "preferred methods and regions",
    "judge/agreement.tsv": "agreement between raters",
    "judge/metrics.tsv": "which metrics track raters",
}
FORMATS = {
    ".html": "text/html",
    ".png": "image/png",
    ".yaml": "application/yaml",
    ".tsv": "text/tab-separated-values",
    ".h5": "application/x-hdf5",
}


def archived_files(study: Path) -> Iterator[tuple[Path, str]]:
    """Files of a study's results that are archived, and what each is."""
    for pattern, what in PARTS.items():
        for path in sorted(study.glob(pattern)):
            yield path, what


def archive(
    study: str | os.PathLike[str],
    output: str | os.PathLike[str],
    author: str | None = None,
    license: str | None = None,
) -> int:
    """Write the RO-Crate of a finished study.

    Parameters
    ----------
    study : folder of its results, `results/<study>`
    output : zip file
    author : name of whoever answers for it
    license : address of the licence of its contents

    Returns
    -------
    number of files

    Raises
    ------
    InputError
        If the study is not finished, or the package `rocrate` is not installed.
    """
    study = Path(study)
    if not (study / "report/index.html").is_file():
        raise InputError(f"{study}: no report/index.html; archive a finished study")
    try:
        from rocrate.model.contextentity import ContextEntity
        from rocrate.model.person import Person
        from rocrate.rocrate import ROCrate
    except ImportError:
        raise InputError("archive: install the package rocrate first") from None
    crate = ROCrate()
    crate.name = f"deeprecon study {study.name}"
    crate.description = (
        "Images reconstructed from brain activity by deeprecon, with their scores, floors, "
        "ceilings and validity checks; report/index.html shows all of them."
    )
    if license:
        crate.license = license
    if author:
        name = "#" + author.replace(" ", "-")
        crate.creator = crate.add(Person(crate, name, properties={"name": author}))
    files = list(archived_files(study))
    for path, what in files:
        place = path.relative_to(study).as_posix()
        about: dict[str, Any] = {
            "name": what,
            "encodingFormat": FORMATS[path.suffix],
            "contentSize": path.stat().st_size,
        }
        crate.add_file(path, place, properties=about)
    software = crate.add(
        ContextEntity(
            crate,
            "#deeprecon",
            properties={
                "@type": "SoftwareApplication",
                "name": "deeprecon",
                "softwareVersion": f"{__version__}, commit {commit()}, "
                f"snakemake {version('snakemake')}, torch {version('torch')}",
            },
        )
    )
    settings = crate.dereference("report/settings.yaml")
    crate.add(
        ContextEntity(
            crate,
            "#run",
            properties={
                "@type": "CreateAction",
                "name": f"snakemake run of the study {study.name}",
                "instrument": {"@id": software.id},
                "object": [{"@id": settings.id}] if settings else [],
                "result": {"@id": "./"},
            },
        )
    )
    crate.root_dataset["mentions"] = [{"@id": "#run"}]
    with TemporaryDirectory() as folder:
        whole = crate.write_zip(Path(folder) / "crate.zip")
        with replacing(output) as temporary:
            shutil.copyfile(whole, temporary)
    return len(files)
