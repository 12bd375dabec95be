"""Training statistics and test samples of a region: one file for the decoders of all layers."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from deeprecon.decode.layer import TrainingVoxels, average_trials, repetition
from deeprecon.decode.reliability import voxel_reliability
from deeprecon.errors import InputError
from deeprecon.hdf5 import reading, strings, writing

Array = NDArray[np.floating]


class DecoderInput(NamedTuple):
    """Test samples in the form in which they are decoded.

    Attributes
    ----------
    X : (n_samples, n_voxels)
    stimulus_id : n_samples strings
    repetition : (n_samples,) from 1; None if samples are averages
    """

    X: Array
    stimulus_id: list[str]
    repetition: NDArray[np.intp] | None = None


@dataclass(frozen=True)
class TestSamples:
    """Samples of one test set, not averaged.

    Attributes
    ----------
    X : (n_samples, n_voxels)
    stimulus_id : n_samples strings, in order of presentation
    """

    __test__ = False  # for pytest, which collects classes of this name

    X: Array
    stimulus_id: list[str]

    def averaged(self, repetitions: str | int) -> DecoderInput:
        """Averages to decode, or single samples with the numbers of their repetitions.

        Parameters
        ----------
        repetitions : "all", the number of samples to average, or "single" for no averaging
        """
        if repetitions == "single":
            return DecoderInput(self.X, self.stimulus_id, repetition(self.stimulus_id))
        n = None if repetitions == "all" else int(repetitions)
        return DecoderInput(*average_trials(self.X, self.stimulus_id, n))

    def half(self, which: int, repetitions: str | int = "all") -> tuple[Array, list[str]]:
        """Average the odd or the even repetitions of stimuli with at least two repetitions.

        Both halves have the same number of repetitions, as the Spearman-Brown formula assumes. If
        the number of repetitions is odd, the last one is left out.

        Parameters
        ----------
        which : 1 for the odd presentations of each stimulus, 2 for the even ones
        repetitions : "all", or the number of presentations to divide into halves

        Returns
        -------
        averages : (n_stimuli, n_voxels); no rows if no stimulus was repeated
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
        """Make a region from all samples (n_samples, n_voxels); the set "train" is for training.

        Raises
        ------
        InputError
            If a set has no sample, or see `TrainingVoxels.of`.
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

    def averaged(self, sets: Sequence[str], repetitions: str | int) -> list[DecoderInput]:
        """Samples to decode for each set, see `TestSamples.averaged`."""
        return [self.tests[name].averaged(repetitions) for name in sets]

    def halves(self, sets: Sequence[str], repetitions: str | int) -> list[DecoderInput]:
        """First halves of all sets, then second halves, see `TestSamples.half`."""
        tests = [self.tests[name] for name in sets]
        return [DecoderInput(*test.half(which, repetitions)) for which in (1, 2) for test in tests]

    def reliability(self) -> list[dict[str, Any]]:
        """Reliability of the test samples: the set and the columns of `voxel_reliability`."""
        return [
            {"set": name, **row}
            for name, test in self.tests.items()
            for row in voxel_reliability(self.training.standardised(test.X), test.stimulus_id)
        ]

    def save(self, path: str | os.PathLike[str], attributes: Mapping[str, str]) -> None:
        """Write an HDF5 file for `load`."""
        with writing(path) as file:
            self.training.write(file.create_group("training"))
            tests = file.create_group("tests", track_order=True)
            for name, samples in self.tests.items():
                group = tests.create_group(name)
                group["X"], group["stimulus_id"] = samples.X, samples.stimulus_id
            file.attrs.update(attributes)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a file written by `save`."""
        with reading(path, "a region's voxels") as file:
            tests = {
                name: TestSamples(group["X"][:], strings(group["stimulus_id"]))
                for name, group in file["tests"].items()
            }
            return cls(TrainingVoxels.read(file["training"]), tests)
