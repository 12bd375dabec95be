"""Derivatives of fMRIPrep: find the files of a run, and build the command that runs fMRIPrep.

File names and options follow the documentation of fMRIPrep (fmriprep.org, outputs and usage).
"""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deeprecon.data.bids import (
    BoldRun,
    entities,
    find_images,
    only_image,
    subject_folder,
)
from deeprecon.data.sidecars import check_repetition_time, read_json, sidecar_value
from deeprecon.errors import InputError

# Entities that fMRIPrep adds to the name of the raw run.
_ADDED = ("space", "cohort", "res", "den", "desc", "suffix")
# In order of preference; old versions use the second.
_CONFOUNDS = ("timeseries", "regressors")


@dataclass(frozen=True)
class FmriprepRun:
    """Files of fMRIPrep for one run in one space."""

    bold: Path
    mask: Path | None  # of the brain
    confounds: Path
    sidecar: Path | None  # of the BOLD series


def _raw_entities(path: Path) -> dict[str, str] | None:
    """Entities of a file that it shares with its raw run; run-1 and run-01 are the same."""
    found = entities(path.name)
    if found is None:
        return None
    raw = {key: value for key, value in found.items() if key not in _ADDED}
    if "run" in raw:
        raw["run"] = raw["run"].lstrip("0")
    return raw


def find_derivatives(root: str | os.PathLike[str], run: BoldRun, space: str = "T1w") -> FmriprepRun:
    """Find the derivatives of a raw run.

    Parameters
    ----------
    root : folder of the derivatives, with a folder for each subject
    run : raw run; all entities of its file name (acq-, dir- ...) must match
    space : space of the BOLD series, written as for --output-spaces of fMRIPrep: "T1w", or with
        entities to distinguish several, "MNI152NLin2009cAsym:res-2"

    Raises
    ------
    InputError
        If series or confounds are missing or ambiguous; it names the available spaces or
        resolutions.
    """
    folder = subject_folder(root, run.subject) / run.session / "func"
    wanted = _raw_entities(run.bold)
    series = [p for p in find_images(folder, "*_desc-preproc_bold") if _raw_entities(p) == wanted]
    named = {path: entities(path.name) or {} for path in series}
    asked = _asked(space)
    found = [path for path in series if asked.items() <= named[path].items()]
    if not found:
        there = ", ".join(sorted({_space(named[path]) for path in series}))
        raise InputError(
            f"{folder}: no *_space-{space}_desc-preproc_bold.nii.gz of {run.bold.name}; "
            f"found {f'space {there}' if series else 'none in any space'}"
        )
    if len(found) != 1:
        several = ", ".join(_space(named[path]) for path in found)
        raise InputError(f"{folder}: {run.name} exists in {several}, expected one")
    bold = found[0]
    stem = bold.name.partition("_desc-preproc_bold")[0]
    masks = find_images(folder, f"{stem}_desc-brain_mask")
    sidecar = folder / f"{stem}_desc-preproc_bold.json"
    return FmriprepRun(
        bold,
        masks[0] if masks else None,
        _confounds(folder, stem.partition("_space-")[0]),
        sidecar if sidecar.is_file() else None,
    )


def _asked(space: str) -> dict[str, str]:
    """Parse a space as written in the options of fMRIPrep."""
    name, *parts = space.split(":")
    return {"space": name, **dict(part.split("-", 1) for part in parts)}


def _space(named: Mapping[str, str]) -> str:
    """Write the space of a file as in the options of fMRIPrep."""
    parts = [f"{key}-{named[key]}" for key in ("cohort", "res") if key in named]
    return ":".join([named.get("space", "none"), *parts])


def _confounds(folder: Path, stem: str) -> Path:
    """Find the table of confounds of a run."""
    paths = [folder / f"{stem}_desc-confounds_{suffix}.tsv" for suffix in _CONFOUNDS]
    for path in paths:
        if path.is_file():
            return path
    raise InputError(f"{paths[0]}: no such file, expected the confounds of the run")


def find_preproc_t1w(root: str | os.PathLike[str], subject: str, space: str = "T1w") -> Path:
    """Find the preprocessed T1-weighted image of a subject, in its own or another space.

    Parameters
    ----------
    root : folder of the derivatives
    subject : name with its prefix
    space : see `find_derivatives`

    Raises
    ------
    InputError
        If there is no such image or more than one.
    """
    folder, asked = subject_folder(root, subject), _asked(space)
    kind = "*_desc-preproc_T1w" if space == "T1w" else f"*_space-{asked['space']}*_desc-preproc_T1w"
    found = [*find_images(folder, f"anat/{kind}"), *find_images(folder, f"ses-*/anat/{kind}")]
    if space == "T1w":
        found = [path for path in found if "_space-" not in path.name]
    elif len(found) > 1:
        found = [path for path in found if asked.items() <= (entities(path.name) or {}).items()]
    return only_image(folder, found, kind)


def timing(run: FmriprepRun, raw_bold: Path) -> tuple[float, float]:
    """Repetition time and start of the first volume of a preprocessed run.

    If fMRIPrep has corrected slice times, its sidecar gives the reference time within a volume
    (StartTime; by default the middle of the acquisition). The volume then starts half a repetition
    time before this time.

    Parameters
    ----------
    run : files of the run
    raw_bold : raw run; its sidecars are used if fMRIPrep did not write one

    Returns
    -------
    repetition_time : s, checked against the header of the series
    start : s; 0 where slice times were not corrected

    Raises
    ------
    InputError
        If no sidecar has a repetition time, the header differs, or StartTime is not a number.
    """
    content = read_json(run.sidecar) if run.sidecar else {}
    if run.sidecar and "RepetitionTime" in content:
        said, described = content["RepetitionTime"], run.sidecar
    else:
        said, described = sidecar_value(raw_bold, "RepetitionTime")
    seconds = check_repetition_time(said, described, run.bold)
    moment = content.get("StartTime", seconds / 2)
    if isinstance(moment, bool) or not isinstance(moment, int | float):
        raise InputError(f"{run.sidecar}: StartTime is {moment!r}, expected a number")
    if not 0 <= moment < seconds:
        raise InputError(
            f"{run.sidecar}: StartTime is {moment:g} s, expected 0 or more and less than the "
            f"repetition time of {seconds:g} s"
        )
    return seconds, moment - seconds / 2


def fmriprep_command(
    engine: str,
    image: str,
    bids: str | os.PathLike[str],
    output: str | os.PathLike[str],
    work: str | os.PathLike[str],
    license: str | os.PathLike[str],
    subject: str,
    space: str,
    threads: int | str,
    mem_mb: int | str,
    extra: str = "",
) -> str:
    """Build a shell command that runs fMRIPrep for one participant in a container.

    Data set and licence are mounted read-only. Output and work folders are created first.

    Parameters
    ----------
    engine : "apptainer" or "docker"
    image : "docker://nipreps/fmriprep:<version>", or an image file for apptainer
    bids : raw data set
    output : folder of the derivatives
    work : folder for intermediate results, with a folder for each subject
    license : licence file of FreeSurfer
    subject : name with or without its prefix
    space : additional output space, such as "T1w"
    threads : number of threads, in total and per process
    mem_mb : memory, MB
    extra : further options, quoted as in a shell

    Raises
    ------
    InputError
        If the engine is unknown, a path contains a colon or comma (separators for containers), or
        quotation marks in extra do not match.
    """
    own = Path(work, subject)
    binds = [
        _bind(bids, "/bids", "ro"),
        _bind(output, "/output", "rw"),
        _bind(own, "/work", "rw"),
        _bind(license, "/license.txt", "ro"),
    ]
    start = _start(engine, binds)
    name = image.removeprefix("docker://") if engine == "docker" else image
    options = [
        name, "/bids", "/output", "participant",
        "--participant-label", subject.removeprefix("sub-"),
        "--output-spaces", space,
        "--fs-license-file", "/license.txt",
        "--work-dir", "/work",
        "--nprocs", str(threads), "--omp-nthreads", str(threads), "--mem-mb", str(mem_mb),
        "--notrack",
        *_split(extra),
    ]  # fmt: skip
    folders = shlex.join([str(Path(output).absolute()), str(own.absolute())])
    return f"mkdir -p {folders} && {start} {shlex.join(options)}"


def _start(engine: str, binds: list[str]) -> str:
    """The part of the command that starts a container with folders of this machine."""
    if engine == "apptainer":
        return "apptainer run --cleanenv " + " ".join(f"--bind {bind}" for bind in binds)
    if engine == "docker":
        user = '"$(id -u):$(id -g)"'  # expanded by the shell; otherwise files would belong to root
        return f"docker run --rm --user {user} " + " ".join(f"--volume {bind}" for bind in binds)
    raise InputError(f"fMRIPrep: unknown engine {engine!r}; known: apptainer, docker")


def _split(extra: str) -> list[str]:
    """Split further options like a shell."""
    try:
        return shlex.split(extra)
    except ValueError as error:
        raise InputError(f"fMRIPrep: options {extra!r}: {error}") from None


def _bind(path: str | os.PathLike[str], name: str, mode: str) -> str:
    """Mount option for a host path, quoted."""
    host = str(Path(path).absolute())
    if ":" in host or "," in host:
        raise InputError(f"{host}: fMRIPrep's container cannot bind a path with a colon or comma")
    return shlex.quote(f"{host}:{name}:{mode}")
