"""Derivatives of fMRIPrep: find the files of a run, and the command that makes them.

File names and options are those of fMRIPrep's documentation (fmriprep.org, outputs and usage).
"""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deeprecon.data.bids import (
    BoldRun,
    check_repetition_time,
    entities,
    find_images,
    only_image,
    read_json,
    sidecar_value,
    subject_folder,
)
from deeprecon.errors import InputError

# Entities that fMRIPrep adds to the name of the raw run.
_ADDED = ("space", "cohort", "res", "den", "desc", "suffix")
# In order of preference; the second is that of old versions.
_CONFOUNDS = ("timeseries", "regressors")


@dataclass(frozen=True)
class FmriprepRun:
    """What fMRIPrep has made of one run, in one space."""

    bold: Path
    mask: Path | None  # of the brain
    confounds: Path
    sidecar: Path | None  # of the BOLD series


def _raw_entities(path: Path) -> dict[str, str] | None:
    """Entities of a file that are those of its raw run; run-1 is run-01."""
    found = entities(path.name)
    if found is None:
        return None
    raw = {key: value for key, value in found.items() if key not in _ADDED}
    if "run" in raw:
        raw["run"] = raw["run"].lstrip("0")
    return raw


def find_derivatives(root: str | os.PathLike[str], run: BoldRun, space: str = "T1w") -> FmriprepRun:
    """The derivatives of a raw run.

    Parameters
    ----------
    root : folder of the derivatives, with sub-01 and others in it
    run : the raw run; all entities of its file name (acq-, dir- ...) count
    space : of the BOLD series, as fMRIPrep's --output-spaces names it: "T1w", or with entities
        that tell several apart, "MNI152NLin2009cAsym:res-2"

    Raises
    ------
    InputError
        If the series or its confounds are missing, or there are several; it names the spaces or
        resolutions that are there.
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
        raise InputError(f"{folder}: {run.name} is there in {several}, expected one")
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
    """Entities of a space in the words of fMRIPrep's options."""
    name, *parts = space.split(":")
    return {"space": name, **dict(part.split("-", 1) for part in parts)}


def _space(named: Mapping[str, str]) -> str:
    """The space of a file in the words of fMRIPrep's options."""
    parts = [f"{key}-{named[key]}" for key in ("cohort", "res") if key in named]
    return ":".join([named.get("space", "none"), *parts])


def _confounds(folder: Path, stem: str) -> Path:
    """The table of confounds of a run."""
    paths = [folder / f"{stem}_desc-confounds_{suffix}.tsv" for suffix in _CONFOUNDS]
    for path in paths:
        if path.is_file():
            return path
    raise InputError(f"{paths[0]}: no such file, expected the confounds of the run")


def find_preproc_t1w(root: str | os.PathLike[str], subject: str, space: str = "T1w") -> Path:
    """The preprocessed T1-weighted image of a subject, in its own space or another.

    Parameters
    ----------
    root : folder of the derivatives
    subject : with its prefix
    space : see `find_derivatives`

    Raises
    ------
    InputError
        If there is none, or more than one.
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

    Where fMRIPrep has corrected slice times, its sidecar says to which moment of a volume
    (StartTime; by default the middle of the acquisition). Such a volume is as one whose middle is
    that moment: it starts half a repetition time before.

    Parameters
    ----------
    run : its files
    raw_bold : the raw run, whose sidecars stand in for one that fMRIPrep did not write

    Returns
    -------
    repetition_time : s, checked against the header of the series
    start : s; 0 where slice times were not corrected

    Raises
    ------
    InputError
        If no sidecar says a repetition time, the header says another, or StartTime is no number.
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
    """A shell command that runs fMRIPrep for one participant in a container.

    Folders are bound under names of the container, the data set and the licence read-only; output
    and work folders are made first.

    Parameters
    ----------
    engine : "apptainer" or "docker"
    image : "docker://nipreps/fmriprep:<version>", or an image file for apptainer
    bids : raw data set
    output : folder of the derivatives
    work : intermediate results; each subject has a folder in it
    license : FreeSurfer's licence file
    subject : with or without its prefix
    space : one more than fMRIPrep makes anyway, such as "T1w"
    threads : of all processes together, and at most of one
    mem_mb : MB
    extra : more options, quoted as in a shell

    Raises
    ------
    InputError
        If the engine is unknown, a path holds a colon or comma (containers take them for
        separators) or the quotation marks of extra do not match.
    """
    own = Path(work, subject)
    binds = [
        _bind(bids, "/bids", "ro"),
        _bind(output, "/output", "rw"),
        _bind(own, "/work", "rw"),
        _bind(license, "/license.txt", "ro"),
    ]
    user = '"$(id -u):$(id -g)"'  # the shell's to expand: files should not belong to root
    if engine == "apptainer":
        start = "apptainer run --cleanenv " + " ".join(f"--bind {bind}" for bind in binds)
    elif engine == "docker":
        image = image.removeprefix("docker://")
        start = f"docker run --rm --user {user} " + " ".join(f"--volume {bind}" for bind in binds)
    else:
        raise InputError(f"fMRIPrep: unknown engine {engine!r}; known: apptainer, docker")
    try:
        more = shlex.split(extra)
    except ValueError as error:
        raise InputError(f"fMRIPrep: options {extra!r}: {error}") from None
    options = [
        image, "/bids", "/output", "participant",
        "--participant-label", subject.removeprefix("sub-"),
        "--output-spaces", space,
        "--fs-license-file", "/license.txt",
        "--work-dir", "/work",
        "--nprocs", str(threads), "--omp-nthreads", str(threads), "--mem-mb", str(mem_mb),
        "--notrack",
        *more,
    ]  # fmt: skip
    folders = shlex.join([str(Path(output).absolute()), str(own.absolute())])
    return f"mkdir -p {folders} && {start} {shlex.join(options)}"


def _bind(path: str | os.PathLike[str], name: str, mode: str) -> str:
    """A host path bound under a name in the container, quoted."""
    host = str(Path(path).absolute())
    if ":" in host or "," in host:
        raise InputError(f"{host}: fMRIPrep's container cannot bind a path with a colon or comma")
    return shlex.quote(f"{host}:{name}:{mode}")
