"""Sources of a study's data: the simulator, raw BIDS, fMRIPrep, BData, or decoded features.

A source names the files of a subject, from the settings alone or by looking into folders; it
reads no image. The workflow's rules ask it for their inputs.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from deeprecon.data.bids import (
    BoldRun,
    find_anatomy,
    find_inplane,
    find_roi_masks,
    find_runs,
)
from deeprecon.data.fmriprep import find_derivatives, find_preproc_t1w
from deeprecon.data.kamitani import roi_names
from deeprecon.data.sidecars import find_sidecars
from deeprecon.data.simulate.design import planned_runs
from deeprecon.errors import InputError
from deeprecon.preprocess.rois import MaskFile
from deeprecon.study.settings import AtlasRegion, StudySettings
from deeprecon.tables import read_table

# Mask files that the simulator writes for each hemisphere.
SIMULATED_MASKS = (
    "V1d", "V1v", "V2d", "V2v", "V3d", "V3v", "hV4", "LOC", "FFA", "PPA", "HVC",
)  # fmt: skip

Masks = dict[str, list[MaskFile]]


class Source(Protocol):
    """Interface of all sources.

    Attributes
    ----------
    root : folder or first file of the data, for messages
    has_scans : whether samples are made from BOLD runs; if not, `runs` is empty
    has_raw_scans : whether the raw runs are available, not only those of fMRIPrep
    """

    root: Path
    has_scans: bool
    has_raw_scans: bool

    def runs(self, subject: str) -> list[BoldRun]:
        """Runs of a subject with their events."""
        ...

    def regions(self, subject: str) -> list[str]:
        """Names that ROI definitions can use."""
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


class ScanSource(Source, Protocol):
    """Interface of sources with BOLD runs, for the rules of preprocessing."""

    def masks(self, subject: str) -> Masks:
        """Mask files of each region."""
        ...

    def sidecars(self, run: BoldRun) -> list[Path]:
        """The JSON files that describe a raw run."""
        ...

    def anatomy(self, subject: str) -> Path:
        """The T1-weighted image."""
        ...

    def inplane(self, run: BoldRun) -> Path:
        """The T2-weighted image in the planes of a run's session."""
        ...


class NoScans:
    """Base of sources of samples or features, without anything to preprocess."""

    has_scans = has_raw_scans = False

    def runs(self, subject: str) -> list[BoldRun]:
        """No runs."""
        return []

    def check(self, runs: Sequence[BoldRun], inplane: bool) -> None:
        """Nothing to check, because there are no runs."""


class SimulatedSource:
    """The data set that the simulator will write; it is known before the simulator runs."""

    has_scans = has_raw_scans = True

    def __init__(self, root: Path, sessions: Mapping[str, str], n_runs: Mapping[str, int]) -> None:
        self.root, self._sessions, self._n_runs = root, sessions, n_runs

    def runs(self, subject: str) -> list[BoldRun]:
        """Planned runs."""
        return planned_runs(self.root, subject, self._sessions, self._n_runs)

    def regions(self, subject: str) -> list[str]:
        """Regions of the simulated brain."""
        return list(SIMULATED_MASKS)

    def masks(self, subject: str) -> Masks:
        """Mask files of each region, both hemispheres."""
        folder = self.root / "sourcedata" / subject / "anat"
        return {
            name: [
                MaskFile(folder / f"{subject}_mask_{side}_{name}.nii.gz") for side in ("LH", "RH")
            ]
            for name in SIMULATED_MASKS
        }

    def check(self, runs: Sequence[BoldRun], inplane: bool) -> None:
        """Nothing to check, because the simulator writes every file."""

    def sidecars(self, run: BoldRun) -> list[Path]:
        """The JSON files that describe a run."""
        return [self.root / f"task-{run.task}_bold.json"]

    def anatomy(self, subject: str) -> Path:
        """The T1-weighted image."""
        name = f"{subject}_ses-anatomy_T1w.nii.gz"
        return self.root / subject / "ses-anatomy" / "anat" / name

    def inplane(self, run: BoldRun) -> Path:
        """The T2-weighted image in the planes of a run's session."""
        name = f"{run.subject}_{run.session}_inplaneT2.nii.gz"
        return self.root / run.subject / run.session / "anat" / name


class BidsSource:
    """A raw BIDS data set."""

    has_scans = has_raw_scans = True

    def __init__(self, root: Path, masks: Mapping[str, str | AtlasRegion] | None) -> None:
        self.root, self._masks = root, masks

    def runs(self, subject: str) -> list[BoldRun]:
        """Runs in the data set."""
        return find_runs(self.root, subject)

    def regions(self, subject: str) -> list[str]:
        """Regions that have a mask."""
        return list(self.masks(subject))

    def masks(self, subject: str) -> Masks:
        """Mask files of each region, by the settings or by the file names of ds001506."""
        if self._masks is None:
            found = find_roi_masks(self.root, subject)
            return {name: [MaskFile(path) for path in paths] for name, paths in found.items()}
        return {name: self._region(name, where, subject) for name, where in self._masks.items()}

    def _region(self, name: str, where: str | AtlasRegion, subject: str) -> list[MaskFile]:
        """The files of one region of the settings."""
        pattern = where if isinstance(where, str) else where.atlas
        pattern = pattern.replace("{subject}", subject)
        root, relative = self.root, pattern
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
        return [MaskFile(paths[0], atlas_labels(paths[0], where.labels))]

    def check(self, runs: Sequence[BoldRun], inplane: bool) -> None:
        """Refuse a run without a sidecar, and a missing T1w or, if needed, in-plane image."""
        for run in runs:
            self.sidecars(run)
        self.anatomy(runs[0].subject)
        if inplane:
            self.inplane(runs[0])

    def sidecars(self, run: BoldRun) -> list[Path]:
        """The JSON files that describe a run, by the BIDS inheritance principle."""
        return find_sidecars(run.bold)

    def anatomy(self, subject: str) -> Path:
        """The T1-weighted image."""
        return find_anatomy(self.root, subject)

    def inplane(self, run: BoldRun) -> Path:
        """The T2-weighted image in the planes of a run's session."""
        return find_inplane(self.root, run.subject, run.session)


class FmriprepSource(BidsSource):
    """fMRIPrep's derivatives of a raw BIDS data set, which provides events and masks.

    Parameters
    ----------
    root : the raw data set
    derivatives : folder of fMRIPrep's output, existing or planned
    space : space of the BOLD series; T1w unless the masks are in another space
    planned : whether the workflow itself will run fMRIPrep
    masks : settings of the masks
    """

    has_raw_scans = False  # raw runs may have been deleted after fMRIPrep

    def __init__(
        self,
        root: Path,
        derivatives: Path,
        space: str,
        planned: bool,
        masks: Mapping[str, str | AtlasRegion] | None,
    ) -> None:
        super().__init__(root, masks)
        self.derivatives, self.space, self.planned = derivatives, space, planned

    def check(self, runs: Sequence[BoldRun], inplane: bool) -> None:
        """Refuse a run or T1w image that is not preprocessed, unless fMRIPrep is planned."""
        for run in runs:
            self.inputs(run)
        self.anatomy_inputs(runs[0].subject)

    def inputs(self, run: BoldRun) -> list[Path]:
        """Files of a run that a job reads; the subject's folder if fMRIPrep is planned."""
        if self.planned:
            return [self.derivatives / run.subject]
        found = find_derivatives(self.derivatives, run, self.space)
        return [found.bold, found.confounds, *([found.mask] if found.mask else [])]

    def anatomy_inputs(self, subject: str) -> list[Path]:
        """The preprocessed T1w image, or the folder that will contain it."""
        if self.planned:
            return [self.derivatives / subject]
        return [find_preproc_t1w(self.derivatives, subject, self.space)]


class BdataSource(NoScans):
    """BData files, one for each stimulus set."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files, self.root = files, Path(files["train"])

    def files(self, subject: str) -> dict[str, Path]:
        """Stimulus set -> file."""
        return {
            name: Path(path.replace("{subject}", subject)) for name, path in self._files.items()
        }

    def regions(self, subject: str) -> list[str]:
        """ROIs of the file of the training set."""
        return roi_names(self.files(subject)["train"])


class DecodedSource(NoScans):
    """No brain data: features are decoded already, and the settings name the regions."""

    def __init__(self, stimuli: Path, rois: Mapping[str, str]) -> None:
        self.root, self._rois = stimuli, rois

    def regions(self, subject: str) -> list[str]:
        """Names in the definitions of the regions."""
        return [name for text in self._rois.values() for name in re.findall(r"\w+", text)]


def atlas_labels(atlas: Path, labels: list[int | str]) -> tuple[int, ...]:
    """Values in an atlas for labels, given as numbers or as names in the table of the atlas.

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
        rows = read_table(table, text=["name"], columns=["index", "name"])
        names = dict(zip(rows["name"], rows["index"].astype(int), strict=True))
    values = []
    for label in labels:
        if isinstance(label, str) and label not in names:
            raise InputError(f"{table}: no label {label!r}; found {', '.join(names)}")
        values.append(names[label] if isinstance(label, str) else label)
    return tuple(values)


def source_of(settings: StudySettings, results: str) -> Source:
    """Make the source that the settings of a study describe."""
    given, masks = settings.input, settings.masks
    if given.kind == "simulate":
        sessions = {name: str(where) for name, where in settings.sets.items()}
        return SimulatedSource(Path(f"{results}/bids"), sessions, given.simulate.runs)
    if given.kind == "bids":
        return BidsSource(Path(given.bids), masks)
    if given.kind == "fmriprep":
        planned = given.run_fmriprep is not None
        derivatives = Path(f"{results}/fmriprep" if planned else given.fmriprep)
        return FmriprepSource(Path(given.bids), derivatives, given.space, planned, masks)
    if given.kind == "decoded":
        return DecodedSource(Path(given.stimuli), settings.rois)
    return BdataSource(given.bdata)
