"""Where the scans of a study come from: the simulator, raw BIDS, fMRIPrep, BData, or nowhere.

A source names the files of a subject, from the settings alone or by looking into folders; it
reads no image. The workflow's rules ask it for their inputs.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from deeprecon.data.bids import (
    BoldRun,
    find_anatomy,
    find_inplane,
    find_roi_masks,
    find_runs,
    find_sidecars,
)
from deeprecon.data.fmriprep import find_derivatives, find_preproc_t1w
from deeprecon.data.labdata import roi_names
from deeprecon.data.simulate.design import planned_runs
from deeprecon.errors import InputError
from deeprecon.preprocess.rois import MaskFile

# Mask files that the simulator writes for each hemisphere.
SIMULATED_MASKS = (
    "V1d", "V1v", "V2d", "V2v", "V3d", "V3v", "hV4", "LOC", "FFA", "PPA", "HVC",
)  # fmt: skip

Masks = dict[str, list[MaskFile]]


class Source(Protocol):
    """What every source can say."""

    def runs(self, subject: str) -> list[BoldRun]:
        """Runs of a subject with their events; none where samples come ready."""
        ...

    def regions(self, subject: str) -> list[str]:
        """Names that ROI definitions can be made of."""
        ...

    def check(self, runs: Sequence[BoldRun], inplane: bool) -> None:
        """Refuse runs of a subject that lack a file, before any job starts.

        Parameters
        ----------
        runs : the first one is the reference of motion correction
        inplane : whether the T1w image is registered through an in-plane image

        Raises
        ------
        InputError
        """
        ...


class SimulatedSource:
    """The data set that the simulator will write; known before it has run."""

    def __init__(self, root: Path, sessions: Mapping[str, str], n_runs: Mapping[str, int]) -> None:
        self.bids, self._sessions, self._n_runs = root, sessions, n_runs

    def runs(self, subject: str) -> list[BoldRun]:
        """Planned runs."""
        return planned_runs(self.bids, subject, self._sessions, self._n_runs)

    def regions(self, subject: str) -> list[str]:
        """Regions of the simulated brain."""
        return list(SIMULATED_MASKS)

    def masks(self, subject: str) -> Masks:
        """Mask files of each region, both hemispheres."""
        folder = self.bids / "sourcedata" / subject / "anat"
        return {
            name: [
                MaskFile(folder / f"{subject}_mask_{side}_{name}.nii.gz") for side in ("LH", "RH")
            ]
            for name in SIMULATED_MASKS
        }

    def check(self, runs: Sequence[BoldRun], inplane: bool) -> None:
        """Nothing can be missing: every file is made."""

    def sidecars(self, run: BoldRun) -> list[Path]:
        """The JSON files that describe a run."""
        return [self.bids / f"task-{run.task}_bold.json"]

    def anatomy(self, subject: str) -> Path:
        """The T1-weighted image."""
        name = f"{subject}_ses-anatomy_T1w.nii.gz"
        return self.bids / subject / "ses-anatomy" / "anat" / name

    def inplane(self, run: BoldRun) -> Path:
        """The T2-weighted image in the planes of a run's session."""
        name = f"{run.subject}_{run.session}_inplaneT2.nii.gz"
        return self.bids / run.subject / run.session / "anat" / name


class BidsSource:
    """A raw BIDS data set."""

    def __init__(self, root: Path, masks: Mapping[str, Any] | None) -> None:
        self.bids, self._masks = root, masks

    def runs(self, subject: str) -> list[BoldRun]:
        """Runs that are there."""
        return find_runs(self.bids, subject)

    def regions(self, subject: str) -> list[str]:
        """Regions that have a mask."""
        return list(self.masks(subject))

    def masks(self, subject: str) -> Masks:
        """Mask files of each region: as the settings say, else as ds001506 ships them."""
        if self._masks is None:
            found = find_roi_masks(self.bids, subject)
            return {name: [MaskFile(path) for path in paths] for name, paths in found.items()}
        return {name: self._region(name, where, subject) for name, where in self._masks.items()}

    def _region(self, name: str, where: str | Mapping[str, Any], subject: str) -> list[MaskFile]:
        """The files of one region of the settings."""
        pattern = where if isinstance(where, str) else where["atlas"]
        pattern = pattern.replace("{subject}", subject)
        root, relative = self.bids, pattern
        if Path(pattern).is_absolute():
            root = Path(Path(pattern).anchor)
            relative = str(Path(pattern).relative_to(root))
        paths = sorted(root.glob(relative))
        if not paths:
            raise InputError(f"config: masks.{name}: no file is like {root / relative}")
        if isinstance(where, str):
            return [MaskFile(path) for path in paths]
        if len(paths) > 1:
            raise InputError(
                f"config: masks.{name}: {len(paths)} atlases are like {pattern}, expected one"
            )
        return [MaskFile(paths[0], atlas_labels(paths[0], where["labels"]))]

    def check(self, runs: Sequence[BoldRun], inplane: bool) -> None:
        """Every run has a sidecar, the subject its T1w image and, if asked for, an in-plane one."""
        for run in runs:
            self.sidecars(run)
        self.anatomy(runs[0].subject)
        if inplane:
            self.inplane(runs[0])

    def sidecars(self, run: BoldRun) -> list[Path]:
        """The JSON files that describe a run, of which one may inherit from another."""
        return find_sidecars(run.bold)

    def anatomy(self, subject: str) -> Path:
        """The T1-weighted image."""
        return find_anatomy(self.bids, subject)

    def inplane(self, run: BoldRun) -> Path:
        """The T2-weighted image in the planes of a run's session."""
        return find_inplane(self.bids, run.subject, run.session)


class FmriprepSource(BidsSource):
    """fMRIPrep's derivatives of a raw BIDS data set, which still gives events and masks.

    Parameters
    ----------
    root : the raw data set
    derivatives : what fMRIPrep wrote, or will write
    space : of the BOLD series, T1w unless masks are in another
    planned : whether the workflow itself runs fMRIPrep, so that nothing is there yet
    masks : settings
    """

    def __init__(
        self,
        root: Path,
        derivatives: Path,
        space: str,
        planned: bool,
        masks: Mapping[str, Any] | None,
    ) -> None:
        super().__init__(root, masks)
        self.derivatives, self.space, self.planned = derivatives, space, planned

    def check(self, runs: Sequence[BoldRun], inplane: bool) -> None:
        """Every run and the T1w image has been preprocessed, unless fMRIPrep is yet to run."""
        for run in runs:
            self.inputs(run)
        self.anatomy_inputs(runs[0].subject)

    def inputs(self, run: BoldRun) -> list[Path]:
        """Files that a job reads of a run; the subject's whole folder if it is yet to be made."""
        if self.planned:
            return [self.derivatives / run.subject]
        found = find_derivatives(self.derivatives, run, self.space)
        return [found.bold, found.confounds, *([found.mask] if found.mask else [])]

    def anatomy_inputs(self, subject: str) -> list[Path]:
        """The preprocessed T1w image, or the folder in which it will lie."""
        if self.planned:
            return [self.derivatives / subject]
        return [find_preproc_t1w(self.derivatives, subject, self.space)]


class BdataSource:
    """The lab's BData files, one a stimulus set."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    def runs(self, subject: str) -> list[BoldRun]:
        """No runs: the samples come ready."""
        return []

    def check(self, runs: Sequence[BoldRun], inplane: bool) -> None:
        """There are no runs that could lack something."""

    def files(self, subject: str) -> dict[str, Path]:
        """Stimulus set -> file."""
        return {
            name: Path(path.replace("{subject}", subject)) for name, path in self._files.items()
        }

    def regions(self, subject: str) -> list[str]:
        """ROIs of the file of the training set."""
        return roi_names(self.files(subject)["train"])


class DecodedSource:
    """No brain data: features come decoded, and regions are what the settings call them."""

    def __init__(self, rois: Mapping[str, str]) -> None:
        self._rois = rois

    def runs(self, subject: str) -> list[BoldRun]:
        """No runs."""
        return []

    def check(self, runs: Sequence[BoldRun], inplane: bool) -> None:
        """There are no runs that could lack something."""

    def regions(self, subject: str) -> list[str]:
        """Names in the definitions of the regions."""
        return [name for text in self._rois.values() for name in re.findall(r"\w+", text)]


def atlas_labels(atlas: Path, labels: list[int | str]) -> tuple[int, ...]:
    """Values of an atlas for labels given as numbers or as names in the table beside it.

    Parameters
    ----------
    atlas : NIfTI file; names need the BIDS table `<atlas>.tsv` with the columns index and name
    labels : numbers or names

    Raises
    ------
    InputError
        If a name is given and there is no such table or name.
    """
    names: dict[str, int] = {}
    if any(isinstance(label, str) for label in labels):
        table = atlas.with_name(atlas.name.partition(".nii")[0] + ".tsv")
        try:
            rows = pd.read_csv(table, sep="\t")
            names = dict(zip(rows["name"].astype(str), rows["index"].astype(int), strict=True))
        except (OSError, KeyError, ValueError) as error:
            raise InputError(
                f"{table}: no table of label names, index and name ({error})"
            ) from None
    values = []
    for label in labels:
        if isinstance(label, str) and label not in names:
            raise InputError(f"{table}: no label {label!r}; found {', '.join(names)}")
        values.append(names[label] if isinstance(label, str) else label)
    return tuple(values)


def source_of(config: Mapping[str, Any], results: str) -> Source:
    """The source that the settings of a study name."""
    given, masks = config["input"], config.get("masks")
    if given["kind"] == "simulate":
        return SimulatedSource(Path(f"{results}/bids"), config["sets"], given["simulate"]["runs"])
    if given["kind"] == "bids":
        return BidsSource(Path(given["bids"]), masks)
    if given["kind"] == "fmriprep":
        planned = "run_fmriprep" in given
        derivatives = Path(f"{results}/fmriprep" if planned else given["fmriprep"])
        return FmriprepSource(Path(given["bids"]), derivatives, given["space"], planned, masks)
    if given["kind"] == "decoded":
        return DecodedSource(config["rois"])
    return BdataSource(given["bdata"])
