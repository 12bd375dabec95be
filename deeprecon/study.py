"""What a study consists of: runs, sets, ROIs and reconstructions, from its checked settings.

Pure bookkeeping for the workflow's rules; nothing here reads an image.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deeprecon.data.bids import BoldRun, find_anatomy, find_roi_masks, find_runs, find_sidecar
from deeprecon.data.simulate.design import planned_runs
from deeprecon.errors import InputError

# Mask files that the simulator writes for each hemisphere.
SIMULATED_MASKS = (
    "V1d", "V1v", "V2d", "V2v", "V3d", "V3v", "hV4", "LOC", "FFA", "PPA", "HVC",
)  # fmt: skip


@dataclass(frozen=True)
class Target:
    """One file of reconstructions: a subject's ROI, by one method, of one stimulus set."""

    subject: str
    roi: str
    method: str
    set: str


class Study:
    """The runs and files of a study.

    Parameters
    ----------
    config : settings from `deeprecon.config.checked`
    results : folder of the study's results

    Raises
    ------
    InputError
        If a subject, a session or an ROI is not there.
    """

    def __init__(self, config: Mapping[str, Any], results: str) -> None:
        self.config = config
        self.subjects: list[str] = config["subjects"]
        self.sets: dict[str, str] = config["sets"]
        self.layers: list[str] = config["network"]["layers"]
        self.methods: dict[str, Any] = config["methods"]
        self.simulated = config["input"]["kind"] == "simulate"
        self.bids = Path(f"{results}/bids") if self.simulated else Path(config["input"]["bids"])
        self._runs = {subject: self._find_runs(subject) for subject in self.subjects}
        for subject in self.subjects:
            self._check_rois(subject)

    @property
    def test_sets(self) -> list[str]:
        """Stimulus sets that are decoded; "train" is what decoders learn from."""
        return [name for name in self.sets if name != "train"]

    def _find_runs(self, subject: str) -> dict[str, BoldRun]:
        """Runs of the stimulus sets by name, planned or found."""
        if self.simulated:
            n_runs = self.config["input"]["simulate"]["runs"]
            runs = planned_runs(self.bids, subject, self.sets, n_runs)
        else:
            runs = find_runs(self.bids, subject)
        # Sets in the order of the settings: the first run is the reference of motion correction.
        by_set = {name: [r for r in runs if self.set_of(r) == name] for name in self.sets}
        for name, session in self.sets.items():
            if not by_set[name]:
                raise InputError(
                    f"{self.bids}: {subject} has no session {session}* (set {name!r}); "
                    f"found {sorted({run.session for run in runs})}"
                )
        return {run.name: run for name in self.sets for run in by_set[name]}

    def _check_rois(self, subject: str) -> None:
        """Refuse definitions that name neither a mask nor a region above them."""
        known = set(SIMULATED_MASKS if self.simulated else find_roi_masks(self.bids, subject))
        for name, definition in self.config["rois"].items():
            for part in re.findall(r"\w+", definition):
                if part not in known:
                    raise InputError(
                        f"config: rois.{name}: unknown mask or region {part!r} in {definition!r}; "
                        f"{subject} has {', '.join(sorted(known))}"
                    )
            known.add(name)

    def set_of(self, run: BoldRun) -> str | None:
        """The stimulus set that a run belongs to, by its session label without the number."""
        label = run.session.removeprefix("ses-").rstrip("0123456789")
        return next((name for name, session in self.sets.items() if session == label), None)

    def runs(self, subject: str) -> dict[str, BoldRun]:
        """Runs of a subject by name, in the order of the sets' sessions."""
        return self._runs[subject]

    def run_index(self, subject: str, name: str) -> tuple[str, int, int]:
        """Set of a run, its place among the runs of that set (from 0), and how many there are."""
        wanted = self.set_of(self._runs[subject][name])
        same = [key for key, run in self._runs[subject].items() if self.set_of(run) == wanted]
        return str(wanted), same.index(name), len(same)

    def imagined(self, name: str) -> bool:
        """Whether the stimuli of a set were imagined, by the BIDS task of its runs."""
        runs = [run for subject in self._runs.values() for run in subject.values()]
        return any(run.task == "imagery" for run in runs if self.set_of(run) == name)

    @property
    def tasks(self) -> list[str]:
        """BIDS tasks of the runs."""
        return sorted({run.task for runs in self._runs.values() for run in runs.values()})

    def sidecar(self, run: BoldRun) -> Path:
        """The JSON file with the repetition time of a run."""
        if self.simulated:
            return self.bids / f"task-{run.task}_bold.json"
        return find_sidecar(run.bold)

    def anatomy(self, subject: str) -> Path:
        """The T1-weighted image."""
        if self.simulated:
            name = f"{subject}_ses-anatomy_T1w.nii.gz"
            return self.bids / subject / "ses-anatomy" / "anat" / name
        return find_anatomy(self.bids, subject)

    def masks(self, subject: str) -> dict[str, list[Path]]:
        """Mask files of each region, both hemispheres."""
        if not self.simulated:
            return find_roi_masks(self.bids, subject)
        folder = self.bids / "sourcedata" / subject / "anat"
        return {
            name: [folder / f"{subject}_mask_{side}_{name}.nii.gz" for side in ("LH", "RH")]
            for name in SIMULATED_MASKS
        }

    def decoders_of(self, roi: str) -> list[str]:
        """Decoders that some method uses in an ROI."""
        used = [m["decoder"] for m in self.methods.values() if roi in m["rois"]]
        return list(dict.fromkeys(used))

    def layers_of(self, roi: str, decoder: str) -> list[str]:
        """Layers that some method needs from a decoder in an ROI, from the image upwards."""
        used = {
            layer
            for method in self.methods.values()
            if roi in method["rois"] and method["decoder"] == decoder
            for layer in method["layers"]
        }
        return [layer for layer in self.layers if layer in used]

    @property
    def rois(self) -> list[str]:
        """ROIs that some method uses."""
        return list(dict.fromkeys(roi for m in self.methods.values() for roi in m["rois"]))

    def targets(self) -> list[Target]:
        """Every file of reconstructions that the study asks for."""
        return [
            Target(subject, roi, name, stimuli)
            for subject in self.subjects
            for name, method in self.methods.items()
            for roi in method["rois"]
            for stimuli in method["sets"]
        ]

    def floor(self, stimuli: str) -> tuple[str, str] | None:
        """(ROI, method) of the control that stands beside scores of a set, if there is one."""
        name = self.config["evaluate"].get("floor")
        if name is None or stimuli not in self.methods[name]["sets"]:
            return None
        return self.methods[name]["rois"][0], name

    def is_floor(self, method: str) -> bool:
        """Whether a method is the control itself; it has no ceiling."""
        return method == self.config["evaluate"].get("floor")
