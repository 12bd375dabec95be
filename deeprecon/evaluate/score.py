"""Score the reconstructions of one method in one region, set by set, with all baselines."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.decode.region import Region
from deeprecon.errors import about
from deeprecon.evaluate.baseline_files import read_baselines
from deeprecon.evaluate.encoding import EncodingModel, brain_scores
from deeprecon.evaluate.halves import SPLIT_HALF, in_both, spread
from deeprecon.evaluate.perceptual import PerceptualScore, not_computed
from deeprecon.evaluate.suite import Score, feature_scores, pixel_scores
from deeprecon.evaluate.table import CONTROL, RECONSTRUCTION, TRUE_FEATURES, Tests, score_table
from deeprecon.features.extract import extract
from deeprecon.features.networks import Network
from deeprecon.features.sampled import SampledUnits
from deeprecon.reconstruct.store import read_images, read_stimulus_id

File = str | os.PathLike[str]
Images = NDArray[np.uint8]

LEGACY = (
    RECONSTRUCTION,
    CONTROL,
    TRUE_FEATURES,
)  # with legacy variants
NO_BRAIN = "not computed: no samples of one subject's brain"


@dataclass(frozen=True)
class SetFiles:
    """Files of one stimulus set.

    Attributes
    ----------
    table : stimulus table
    recon : reconstructions of the method
    baselines : baseline images
    control : reconstructions of the control, if there is one
    true_features : reconstructions from true features, if there are any
    halves : reconstructions from odd and from even repetitions, if there are any
    """

    table: File
    recon: File
    baselines: File
    control: File | None = None
    true_features: File | None = None
    halves: tuple[File, File] | None = None

    @classmethod
    def of_sets(
        cls,
        sets: Sequence[str],
        tables: Sequence[File],
        recon: Sequence[File],
        baselines: Sequence[File],
        *,
        control: Mapping[str, File],
        true_features: Mapping[str, File],
        halves: Mapping[str, tuple[File, File]],
    ) -> dict[str, "SetFiles"]:
        """Set -> files; not every set has a control, true features or halves."""
        return {
            name: cls(
                table,
                of_recon,
                of_baselines,
                control.get(name),
                true_features.get(name),
                halves.get(name),
            )
            for name, table, of_recon, of_baselines in zip(
                sets, tables, recon, baselines, strict=True
            )
        }


@dataclass(frozen=True)
class Scorer:
    """The parts that the scores of all sets and conditions share.

    Attributes
    ----------
    network, network_name, layers : the study's network, and its layers used for identification
    training : (m, H, W, 3) training images
    sampled : features of the training images, of some units
    size, resampling : side of the images (pixels), and how they are resized, see `load_images`
    encoding, region : encoding model and voxels of the subject's region, if there are any
    perceptual : names of network metrics
    weights : folder with the weights of these networks
    own : import paths of a user's own metrics
    tests : tests of the reconstructions' scores
    """

    network: Network
    network_name: str
    layers: Sequence[str]
    training: Images
    sampled: SampledUnits
    size: int
    resampling: str
    encoding: EncodingModel | None = None
    region: Region | None = None
    perceptual: Sequence[str] = ()
    weights: File = "."
    own: Sequence[str] = ()
    tests: Tests = field(default_factory=Tests)

    @cached_property
    def missing(self) -> dict[str, str]:
        """Score that cannot be computed -> reason."""
        reasons = {name: not_computed(name, self.weights) for name in self.perceptual}
        brain = self.encoding.not_usable() if self.encoding else NO_BRAIN
        reasons["brain_correlation"] = brain
        return {name: reason for name, reason in reasons.items() if reason}

    @cached_property
    def networks(self) -> list[PerceptualScore]:
        """Networks that can score."""
        names = [name for name in self.perceptual if name not in self.missing]
        return [PerceptualScore(name, self.weights) for name in names]

    def features(self, images: Images) -> dict[str, NDArray[np.float32]]:
        """Features of images in the study's network: layer -> (n, *unit_shape)."""
        return extract(self.network, images, self.layers)

    def condition_scores(
        self,
        condition: str,
        true: Images,
        of_true: Mapping[str, NDArray],
        images: Images,
        stimulus_set: str,
        stimuli: pd.DataFrame,
    ) -> list[Score]:
        """Every score of the images of one condition.

        Parameters
        ----------
        condition : such as "reconstruction"; see `LEGACY` for the legacy variants
        true, images : (n, H, W, 3) arrays, 0-255
        of_true : features of the true images
        stimulus_set : name of the set
        stimuli : table of the n stimuli
        """
        categories, ids = list(stimuli.get("category", [])), list(stimuli["stimulus_id"])
        legacy = condition in LEGACY
        options: dict[str, Any] = {"categories": categories, "legacy": legacy, "own": self.own}
        with about(f"{stimulus_set}, {condition}"):
            scores = list(pixel_scores(true, images, training=self.training, **options))
        features, size = self.features(images), self.size
        scores += feature_scores(
            of_true, features, self.sampled, network=self.network_name, size=size
        )
        if self.encoding and self.region and "brain_correlation" not in self.missing:
            units = self.sampled.units
            scores += brain_scores(
                self.encoding, features, units, self.region, stimulus_set, ids, size
            )
        for network in self.networks:
            scores += network.scores(true, images)
        return scores

    def half_scores(self, paths: tuple[File, File], stimuli: pd.DataFrame) -> list[Score]:
        """Scores between the images of two halves of the repetitions.

        Parameters
        ----------
        paths : reconstructions from odd and from even repetitions
        stimuli : table of the n stimuli

        Returns
        -------
        list of scores, with NaN for images that were shown once; empty if all images were
        """
        ids, categories = list(stimuli["stimulus_id"]), list(stimuli.get("category", []))
        rows = in_both(read_stimulus_id(paths[0]), read_stimulus_id(paths[1]), ids)
        if not rows:
            return []
        first, second = (read_images(path, [ids[row] for row in rows]) for path in paths)
        kinds = [categories[row] for row in rows] if categories else []
        scores = [*pixel_scores(first, second, categories=kinds, legacy=False, own=self.own)]
        scores += feature_scores(
            self.features(first),
            self.features(second),
            network=self.network_name,
            size=self.size,
        )
        return list(spread(scores, rows, len(ids)))


def score_set(
    scorer: Scorer, files: SetFiles, keys: Mapping[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score the reconstructions of one set, the control, true features and the baselines.

    Parameters
    ----------
    scorer : parts that all sets share
    files : files of the set
    keys : subject, roi, method and set

    Returns
    -------
    whole : scores of the set, see `evaluate.table`
    images : scores of each image

    Raises
    ------
    InputError
        If files are damaged or do not contain the images of the set.
    """
    name, stimuli = keys["set"], read_stimuli(files.table)
    ids = list(stimuli["stimulus_id"])
    true = load_images(stimuli, scorer.size, scorer.resampling)
    conditions = {RECONSTRUCTION: files.recon, CONTROL: files.control}
    conditions[TRUE_FEATURES] = files.true_features
    images = {what: read_images(path, ids) for what, path in conditions.items() if path}
    images |= read_baselines(files.baselines, ids)
    of_true, scores = scorer.features(true), {}
    for what, shown in images.items():
        scores[what] = scorer.condition_scores(what, true, of_true, shown, name, stimuli)
    missing = dict(scorer.missing)
    if files.halves:
        scores[SPLIT_HALF] = scorer.half_scores(files.halves, stimuli)
        if not scores[SPLIT_HALF]:
            missing[SPLIT_HALF] = f"not computed: no image of the set {name} was shown twice"
    return score_table(
        scores,
        keys=keys,
        stimulus_id=ids,
        resampling=scorer.resampling,
        tests=scorer.tests,
        missing=missing,
    )


def score_sets(
    scorer: Scorer, sets: Mapping[str, SetFiles], keys: Mapping[str, str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score every set of a method, see `score_set`; `keys` do not include the set."""
    tables = [score_set(scorer, files, {**keys, "set": name}) for name, files in sets.items()]
    whole, images = (pd.concat(parts) for parts in zip(*tables, strict=True))
    return whole, images
