"""A region's voxels as decoding needs them: one file for the decoders of all layers."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from deeprecon.decode.layer import TrainingVoxels, average_trials, repetition
from deeprecon.errors import InputError
from deeprecon.hdf5 import reading, strings, writing

Array = NDArray[np.floating]


@dataclass(frozen=True)
class TestSamples:
    """Samples of one stimulus set, not averaged.

    Attributes
    ----------
    X : (n_samples, n_voxels)
    stimulus_id : n_samples strings, in order of presentation
    """

    __test__ = False  # for pytest, which collects classes of this name

    X: Array
    stimulus_id: list[str]

    def averaged(self, repetitions: str | int) -> tuple[Array, list[str], NDArray[np.intp] | None]:
        """What is decoded: averages, or samples with the number of their repetition.

        Parameters
        ----------
        repetitions : "all", the number that is averaged, or "single" for every sample by itself
        """
        if repetitions == "single":
            return self.X, self.stimulus_id, repetition(self.stimulus_id)
        n = None if repetitions == "all" else int(repetitions)
        return *average_trials(self.X, self.stimulus_id, n), None

    def half(self, which: int, repetitions: str | int = "all") -> tuple[Array, list[str]]:
        """Averages of every other repetition, of stimuli with two repetitions or more.

        Both halves have equally many: the last of an odd number is in neither, so that their
        correlation tells by Spearman and Brown's formula that of the average of both.

        Parameters
        ----------
        which : 1 for the first, third ... presentation of each stimulus, 2 for the second ...
        repetitions : "all", or the number of which halves are made

        Returns
        -------
        averages : (n_stimuli, n_voxels), no row if no stimulus came twice
        stimulus_id : list of n_stimuli strings, in the order of `averaged`
        """
        number, most = repetition(self.stimulus_id), Counter(self.stimulus_id)
        if repetitions != "all":
            most = Counter({name: min(n, int(repetitions)) for name, n in most.items()})
        pairs = np.array([most[name] // 2 for name in self.stimulus_id], int)
        kept = np.flatnonzero((number <= 2 * pairs) & (number % 2 == which % 2))
        if not kept.size:
            return self.X[:0], []
        found, names = average_trials(self.X[kept], [self.stimulus_id[row] for row in kept])
        order = [names.index(name) for name in most if name in names]
        return found[order], [names[row] for row in order]


@dataclass(frozen=True)
class Region:
    """Training and test samples of a subject's region.

    Attributes
    ----------
    training : TrainingVoxels
    tests : stimulus set -> TestSamples
    """

    training: TrainingVoxels
    tests: dict[str, TestSamples]

    @classmethod
    def of(
        cls,
        voxels: Array,
        stimulus_id: Sequence[str],
        stimulus_set: Sequence[str],
        test_sets: Sequence[str],
    ) -> Self:
        """Of all samples (n_samples, n_voxels); the set "train" is for training.

        Raises
        ------
        InputError
            If a set has no sample, or as `TrainingVoxels.of`.
        """
        sets, ids = np.asarray(stimulus_set), np.asarray(stimulus_id)
        for name in ("train", *test_sets):
            if name not in sets:
                found = ", ".join(dict.fromkeys(stimulus_set)) or "none"
                raise InputError(f"samples: none of the set {name!r}, found sets: {found}")
        rows = {name: np.flatnonzero(sets == name) for name in ("train", *test_sets)}
        training = TrainingVoxels.of(voxels[rows["train"]], ids[rows["train"]].tolist())
        tests = {k: TestSamples(voxels[rows[k]], ids[rows[k]].tolist()) for k in test_sets}
        return cls(training, tests)

    def save(self, path: str | os.PathLike[str], attributes: Mapping[str, str]) -> None:
        """Write an HDF5 file, which `load` reads."""
        with writing(path) as file:
            self.training.write(file.create_group("training"))
            tests = file.create_group("tests", track_order=True)
            for name, samples in self.tests.items():
                group = tests.create_group(name)
                group["X"], group["stimulus_id"] = samples.X, samples.stimulus_id
            file.attrs.update(attributes)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote."""
        with reading(path, "a region's voxels") as file:
            tests = {
                name: TestSamples(group["X"][:], strings(group["stimulus_id"]))
                for name, group in file["tests"].items()
            }
            return cls(TrainingVoxels.read(file["training"]), tests)
