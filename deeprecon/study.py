"""What a study consists of: runs, sets, ROIs and reconstructions, from its checked settings.

Pure bookkeeping for the workflow's rules; nothing here reads an image.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deeprecon.data.bids import BoldRun
from deeprecon.decode.settings import DEFAULTS
from deeprecon.errors import InputError
from deeprecon.sources import source_of

AVERAGE = "sub-average"  # stands for the decoded features averaged over subjects


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
        If a subject, a session, an ROI or a file that a run needs is not there.
    """

    def __init__(self, config: Mapping[str, Any], results: str) -> None:
        self.config = config
        self.subjects: list[str] = config["subjects"]
        self.sets: dict[str, Any] = config["sets"]
        self.layers: list[str] = config["network"]["layers"]
        self.decoders: dict[str, Any] = config["decoders"]
        self.methods: dict[str, Any] = config["methods"]
        self.kind: str = config["input"]["kind"]
        self.simulated = self.kind == "simulate"
        self.source: Any = source_of(config, results)
        self._runs = {subject: self._find_runs(subject) for subject in self.subjects}
        for subject in self.subjects:
            self._check_rois(subject)
        self._check_stimuli()

    @property
    def test_sets(self) -> list[str]:
        """Stimulus sets that are decoded; "train" is what decoders learn from."""
        return [name for name in self.sets if name != "train"]

    def _find_runs(self, subject: str) -> dict[str, BoldRun]:
        """Runs of the stimulus sets by name, planned or found."""
        runs = self.source.runs(subject)
        if self.kind in ("bdata", "decoded"):
            return {}
        # Sets in the order of the settings: the first run is the reference of motion correction.
        for run in runs:
            claimed = self._sets_of(run)
            if len(claimed) > 1:
                raise InputError(
                    f"config: sets: {claimed[0]!r} and {claimed[1]!r} both take {run.name} "
                    f"of {subject}; tell them apart by task"
                )
        by_set = {name: [r for r in runs if self.set_of(r) == name] for name in self.sets}
        for name, where in self.sets.items():
            if not by_set[name]:
                found = sorted({run.name.partition("_run-")[0] for run in runs})
                raise InputError(
                    f"{self.source.bids}: {subject} has no session {_sessions(where)} "
                    f"(set {name!r}); found {', '.join(found)}"
                )
        chosen = [run for name in self.sets for run in by_set[name]]
        self.source.check(chosen, self.config["preprocess"]["coregistration"] == "inplane")
        return {run.name: run for run in chosen}

    def _check_stimuli(self) -> None:
        """Refuse a study without the stimulus tables of its sets."""
        for name in () if self.simulated else self.sets:
            table = Path(self.config["input"]["stimuli"], f"{name}.tsv")
            if not table.is_file():
                raise InputError(f"{table}: no such file, expected the stimuli of the set {name!r}")

    def _check_rois(self, subject: str) -> None:
        """Refuse definitions that name neither a mask nor a region above them."""
        known = set(self.source.regions(subject))
        for name, definition in self.config["rois"].items():
            for part in re.findall(r"\w+", definition):
                if part not in known:
                    raise InputError(
                        f"config: rois.{name}: unknown mask or region {part!r} in {definition!r}; "
                        f"{subject} has {', '.join(sorted(known))}"
                    )
            known.add(name)

    def set_of(self, run: BoldRun) -> str | None:
        """The stimulus set that a run belongs to, by its session without the number, or task."""
        return next(iter(self._sets_of(run)), None)

    def _sets_of(self, run: BoldRun) -> list[str]:
        """Every set that the settings give a run to; more than one is a mistake."""
        label = run.session.removeprefix("ses-").rstrip("0123456789")
        return [name for name, where in self.sets.items() if _is_of(where, label, run)]

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
        if self.kind in ("bdata", "decoded"):
            return self.sets[name] == "imagery"
        runs = [run for subject in self._runs.values() for run in subject.values()]
        return any(run.task == "imagery" for run in runs if self.set_of(run) == name)

    @property
    def tasks(self) -> list[str]:
        """BIDS tasks of the runs."""
        return sorted({run.task for runs in self._runs.values() for run in runs.values()})

    def layers_of(self, roi: str, decoder: str) -> list[str]:
        """Layers that a decoder decodes in an ROI, for methods or for itself, from the image up."""
        used = {
            layer
            for method in self.methods.values()
            if roi in method["rois"] and method["decoder"] == decoder
            for layer in method["layers"]
        }
        settings = self.decoders[decoder]
        if roi in settings.get("rois", []):
            used.update(settings.get("layers", self.layers))
        return [layer for layer in self.layers if layer in used]

    def decoded(self) -> list[tuple[str, str]]:
        """Every (ROI, decoder) that decodes something, in the order of the settings."""
        return [
            (roi, decoder)
            for roi in self.config["rois"]
            for decoder in self.decoders
            if self.layers_of(roi, decoder)
        ]

    def is_trained(self, decoder: str) -> bool:
        """Whether a decoder is trained here, not imported."""
        return bool(self.decoders[decoder]["model"] != "import")

    def is_tuned(self, decoder: str) -> bool:
        """Whether cross-validation chooses settings of a decoder."""
        settings = self.decoders[decoder]
        return any(
            isinstance(settings.get(key), list) for key in DEFAULTS.get(settings["model"], ())
        )

    def targets(self) -> list[Target]:
        """Every file of reconstructions that the study asks for."""
        return [
            Target(subject, roi, name, stimuli)
            for subject in [*self.subjects, AVERAGE]
            for name, method in self.methods.items()
            if ("average" if subject == AVERAGE else "each") in method["subjects"]
            for roi in method["rois"]
            for stimuli in method["sets"]
        ]

    def floor(self, subject: str, stimuli: str) -> Target | None:
        """The control that stands beside a subject's scores of a set, if there is one."""
        name = self.config["evaluate"].get("floor")
        if name is None:
            return None
        control = Target(subject, self.methods[name]["rois"][0], name, stimuli)
        return control if control in self.targets() else None

    def is_floor(self, method: str) -> bool:
        """Whether a method is the control itself; it has no ceiling."""
        return method == self.config["evaluate"].get("floor")


def _is_of(where: str | Mapping[str, str], label: str, run: BoldRun) -> bool:
    """Whether a run is of the session or task that the settings give for a set."""
    if isinstance(where, str):
        return label == where
    return where.get("session", label) == label and where.get("task", run.task) == run.task


def _sessions(where: str | Mapping[str, str]) -> str:
    """'perception*' or 'task movie', for messages."""
    if isinstance(where, str):
        return f"{where}*"
    parts = [f"{where['session']}*"] if "session" in where else []
    return " ".join([*parts, f"task {where['task']}"] if "task" in where else parts)
