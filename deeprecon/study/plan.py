"""The plan of a study: its runs, sets, ROIs and reconstructions, from checked settings.

This is bookkeeping for the workflow's rules; nothing here reads an image.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deeprecon.data.bids import BoldRun
from deeprecon.decode.registry import DecoderSettings, model_of
from deeprecon.errors import InputError
from deeprecon.reconstruct.presets import accepts_mean_features, functions_of, relevant
from deeprecon.study.settings import RunSelection, StudySettings
from deeprecon.study.sources import Source, source_of
from deeprecon.targets import AVERAGE, Target


@dataclass(frozen=True)
class Method:
    """A method as the workflow runs it, with one seed.

    Attributes
    ----------
    decoder, layers, rois, sets, subjects, generator : see the settings of methods
    seed : seed of random starts
    search : settings on which the search for images depends, see `presets.relevant`
    """

    decoder: str
    layers: list[str]
    rois: list[str]
    sets: list[str]
    subjects: list[str]
    generator: str | None
    seed: int
    search: dict[str, Any] = field(repr=False)

    @property
    def functions(self) -> list[str]:
        """Import paths of the loss, prior, optimiser and scaling, possibly the user's own."""
        return functions_of(self.search)

    @property
    def accepts_mean_features(self) -> bool:
        """Whether the method can reconstruct the mean features of the training images."""
        return accepts_mean_features(self.search)


class Study:
    """The runs and files of a study.

    Parameters
    ----------
    settings : StudySettings
    results : folder of the study's results

    Raises
    ------
    InputError
        If a subject, a session, an ROI or a file that a run needs is missing.
    """

    def __init__(self, settings: StudySettings, results: str) -> None:
        self.settings = settings
        self.name, self.seed, self.subjects = settings.study, settings.seed, settings.subjects
        self.sets, self.rois = settings.sets, settings.rois
        self.decoders: dict[str, DecoderSettings] = settings.decoders
        self.methods = methods_of(settings)
        self.layers = list(settings.network.layers)
        self.steps = settings.preprocess.steps()
        self.simulated = settings.input.kind == "simulate"
        self.source: Source = source_of(settings, results)
        self._runs = {subject: self._find_runs(subject) for subject in self.subjects}
        for subject in self.subjects:
            self._check_rois(subject)
        if not self.simulated:
            self._check_stimuli(Path(settings.input.stimuli))

    @property
    def test_sets(self) -> list[str]:
        """Stimulus sets that are decoded; decoders learn from the set "train"."""
        return [name for name in self.sets if name != "train"]

    @property
    def labels(self) -> dict[str, Any]:
        """Session label, or session and task, of each stimulus set."""
        given = self.sets.items()
        return {name: where if isinstance(where, str) else where.given() for name, where in given}

    # Runs

    def _find_runs(self, subject: str) -> dict[str, BoldRun]:
        """Runs of the stimulus sets by name, planned or found."""
        if not self.source.has_scans:
            return {}
        runs = self.source.runs(subject)
        for run in runs:
            claimed = self._sets_of(run)
            if len(claimed) > 1:
                raise InputError(
                    f"config: sets: {claimed[0]!r} and {claimed[1]!r} both take {run.name} "
                    f"of {subject}; tell them apart by task"
                )
        by_set = {name: [run for run in runs if self.set_of(run) == name] for name in self.sets}
        for name, where in self.sets.items():
            if not by_set[name]:
                found = sorted({run.name.partition("_run-")[0] for run in runs})
                raise InputError(
                    f"{self.source.root}: {subject} has no session {_sessions(where)} "
                    f"(set {name!r}); found {', '.join(found)}"
                )
        # Sets in the order of the settings: the first run is the reference of motion correction.
        chosen = [run for name in self.sets for run in by_set[name]]
        self.source.check(chosen, self.steps.coregistration == "inplane")
        return {run.name: run for run in chosen}

    def set_of(self, run: BoldRun) -> str | None:
        """Stimulus set of a run, by its session label (without the number) or its task."""
        return next(iter(self._sets_of(run)), None)

    def _sets_of(self, run: BoldRun) -> list[str]:
        """All sets that claim a run in the settings; more than one is an error."""
        label = run.session.removeprefix("ses-").rstrip("0123456789")
        return [name for name, where in self.sets.items() if _is_of(where, label, run)]

    def runs(self, subject: str) -> dict[str, BoldRun]:
        """Runs of a subject by name; empty if there are no scans."""
        return self._runs[subject]

    def run_index(self, subject: str, name: str) -> tuple[str, int, int]:
        """Set of a run, index of the run in its set, and number of runs in the set."""
        wanted = self.set_of(self._runs[subject][name])
        same = [key for key, run in self._runs[subject].items() if self.set_of(run) == wanted]
        return str(wanted), same.index(name), len(same)

    def imagined(self, name: str) -> bool:
        """Whether the stimuli of a set were imagined, by the BIDS task of its runs."""
        if not self.source.has_scans:
            return self.sets[name] == "imagery"
        runs = [run for subject in self._runs.values() for run in subject.values()]
        return any(run.task == "imagery" for run in runs if self.set_of(run) == name)

    @property
    def tasks(self) -> list[str]:
        """BIDS tasks of the runs."""
        return sorted({run.task for runs in self._runs.values() for run in runs.values()})

    # What must exist before the first job

    def _check_stimuli(self, folder: Path) -> None:
        """Refuse a study without the stimulus tables of its sets."""
        for name in self.sets:
            table = folder / f"{name}.tsv"
            if not table.is_file():
                raise InputError(f"{table}: no such file, expected the stimuli of the set {name!r}")

    def _check_rois(self, subject: str) -> None:
        """Refuse definitions with names that are neither a mask nor an earlier region."""
        known = set(self.source.regions(subject))
        for name, definition in self.rois.items():
            for part in re.findall(r"\w+", definition):
                if part not in known:
                    raise InputError(
                        f"config: rois.{name}: unknown mask or region {part!r} in {definition!r}; "
                        f"{subject} has {', '.join(sorted(known))}"
                    )
            known.add(name)

    # Decoders

    def layers_of(self, roi: str, decoder: str) -> list[str]:
        """Layers that a decoder decodes in an ROI, for methods or on its own, in network order."""
        used = {
            layer
            for method in self.methods.values()
            if roi in method.rois and method.decoder == decoder
            for layer in method.layers
        }
        settings = self.decoders[decoder]
        if roi in settings.rois:
            used.update(settings.layers or self.layers)
        return [layer for layer in self.layers if layer in used]

    def decoded(self) -> list[tuple[str, str]]:
        """All pairs (ROI, decoder) that are used, in the order of the settings."""
        return [
            (roi, decoder)
            for roi in self.rois
            for decoder in self.decoders
            if self.layers_of(roi, decoder)
        ]

    def trained(self) -> list[tuple[str, str]]:
        """All pairs (ROI, decoder) that are trained here, not imported."""
        return [(roi, decoder) for roi, decoder in self.decoded() if self.is_trained(decoder)]

    def is_trained(self, decoder: str) -> bool:
        """Whether a decoder is trained here, not imported."""
        return model_of(self.decoders[decoder].model).is_trained

    def is_tuned(self, decoder: str) -> bool:
        """Whether cross-validation chooses settings of a decoder."""
        settings = self.decoders[decoder]
        return any(isinstance(getattr(settings, key), list | tuple) for key in settings.tuned)

    def decoder_functions(self, decoder: str) -> list[str]:
        """Import paths of the code that trains a decoder, possibly the user's own."""
        model = model_of(self.decoders[decoder].model)
        return [path for path in (model.function, model.gpu_function) if path]

    def decoders_that(self, *, trained: bool, save_weights: bool | None = None) -> str:
        """Regular expression for the decoders that are trained here (or not) and save weights."""
        return _pattern(
            name
            for name, given in self.decoders.items()
            if self.is_trained(name) == trained and save_weights in (None, given.save_weights)
        )

    def generators_that(self, *, trained: bool) -> str:
        """Regular expression for the generators that are trained here (or not)."""
        generators = self.settings.generators.items()
        return _pattern(name for name, given in generators if (given.kind == "trained") == trained)

    # Reconstructions

    def targets(self) -> list[Target]:
        """All reconstructions of the study."""
        return [
            Target(subject, roi, name, stimuli)
            for subject in [*self.subjects, AVERAGE]
            for name, method in self.methods.items()
            if ("average" if subject == AVERAGE else "each") in method.subjects
            for roi in method.rois
            for stimuli in method.sets
        ]

    def control(self, subject: str, stimuli: str) -> Target | None:
        """The permuted control for a subject's scores of a set, if there is one."""
        name = self.settings.evaluate.permuted_control
        if name is None:
            return None
        control = Target(subject, self.methods[name].rois[0], name, stimuli)
        return control if control in self.targets() else None

    def is_control(self, method: str) -> bool:
        """Whether a method is the permuted control itself; it is not run on true features."""
        return method == self.settings.evaluate.permuted_control

    def judged(self) -> list[Target]:
        """Reconstructions that are judged in some task."""
        tasks = self.settings.judge.tasks if self.settings.judge else ()
        return [
            target
            for target in self.targets()
            if any(
                target.method in task.methods
                and target.roi in task.rois
                and target.set in (task.sets or [target.set])
                for task in tasks
            )
        ]


def methods_of(settings: StudySettings) -> dict[str, Method]:
    """Methods as the workflow runs them: one for each seed, with the relevant settings."""
    found = {}
    for name, given in settings.methods.items():
        seeds = {name: settings.seed}
        if given.seeds is not None:
            seeds = {f"{name}_seed{seed}": seed for seed in given.seeds}
        for key, seed in seeds.items():
            found[key] = Method(
                given.decoder, list(given.layers), list(given.rois), list(given.sets),
                list(given.subjects), given.generator, seed, relevant(given.search()),
            )  # fmt: skip
    return found


def _pattern(names: Iterator[str]) -> str:
    """Regular expression that matches some names, or nothing if there are none."""
    return "|".join(names) or "(?!)"


def _is_of(where: str | RunSelection, label: str, run: BoldRun) -> bool:
    """Whether a run has the session or task that the settings give for a set."""
    if isinstance(where, str):
        return label == where
    return (where.session or label) == label and (where.task or run.task) == run.task


def _sessions(where: str | RunSelection) -> str:
    """'perception*' or 'task movie', for messages."""
    if isinstance(where, str):
        return f"{where}*"
    parts = [f"{where.session}*"] if where.session else []
    return " ".join([*parts, f"task {where.task}"] if where.task else parts)
