"""Compare settings of the preset `deeprecon` on held-out training images.

    snakemake --cores 2 && python -m benchmarks.presets

It uses the demo (SIMULATED brain data). Decoders of the region VC are trained on all but one fold
of photographs, and images of this fold are reconstructed with each variant of the preset
`deeprecon` and with `2019-pixel`. No test image is used.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from benchmarks.machine import RESULTS, machine, report
from deeprecon.data.bdata import read_bdata
from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.decode.folds import folds_of
from deeprecon.decode.layer import LayerDecoder, TrainingVoxels, average_trials
from deeprecon.decode.ridge import TopKRidge
from deeprecon.decode.tables import read_accuracy
from deeprecon.evaluate.metrics import pixel_correlation
from deeprecon.features.networks import Network, load
from deeprecon.features.statistics import LayerStatistics
from deeprecon.features.store import read_features
from deeprecon.reconstruct.compute import Compute
from deeprecon.reconstruct.invert import reconstruct
from deeprecon.reconstruct.presets import PRESETS
from deeprecon.reconstruct.settings import SearchSettings
from deeprecon.stats.correlation import similarity_matrix
from deeprecon.typed import changed

N_SHOWN = 40
OURS = PRESETS["deeprecon"]
VARIANTS: dict[str, SearchSettings] = {
    "deeprecon": OURS,
    "total_variation 0.1": changed(OURS, total_variation=0.1),
    "total_variation 0.3": changed(OURS, total_variation=0.3),
    "total_variation 1": changed(OURS, total_variation=1.0),
    "spectral_decay 0.5": changed(OURS, spectral_decay=0.5),
    "spectral_decay 1.5": changed(OURS, spectral_decay=1.5),
    "layer_weights equal": changed(OURS, layer_weights="equal"),
    "loss relative": changed(OURS, loss="relative"),
    "loss relative, scaling sd": changed(OURS, loss="relative", scaling="sd"),
    "loss relative, scaling train_mean": changed(OURS, loss="relative", scaling="train_mean"),
    "loss relative, scaling none": changed(OURS, loss="relative", scaling="none"),
    "loss dists": changed(OURS, loss="dists"),
    "prior pixel": changed(OURS, prior="pixel"),
    "n_iterations 20": changed(OURS, n_iterations=20),
    "n_iterations 80": changed(OURS, n_iterations=80),
    "2019-pixel": PRESETS["2019-pixel"],
}


class HeldOut:
    """Decoded features of images that decoders were not trained on, and the images."""

    def __init__(self, folder: Path, settings: dict) -> None:
        self.layers: list[str] = settings["network"]["layers"]
        self.size: int = settings["image_size"]
        samples = read_bdata(folder / "samples/sub-01.h5")
        rows = np.array(samples.labels("stimulus_set")) == "train"
        ids = np.array(samples.labels("stimulus_id"))[rows]
        X = samples.select("ROI_VC")[rows]
        stimuli = read_stimuli(folder / "stimuli/train.tsv")
        groups = dict(zip(stimuli["stimulus_id"], stimuli["category"], strict=True))
        fold = folds_of(groups, 5, 0)[0]
        out = np.isin(ids, sorted(fold))
        test, names = average_trials(X[out], ids[out].tolist())
        rng = np.random.default_rng(0)
        kept = np.sort(rng.choice(len(names), min(N_SHOWN, len(names)), replace=False))
        self.names = [names[i] for i in kept]
        self.groups = [groups[name] for name in self.names]
        decoder = LayerDecoder(
            TrainingVoxels.of(X[~out], ids[~out].tolist()), TopKRidge(n_voxels=150, alpha=100), 2
        )
        self.decoded, self.statistics, self.weights = {}, {}, {}
        for layer in self.layers:
            path = folder / f"features/efficientnet_lite0/train/{layer}.h5"
            features, known = read_features(path)
            self.decoded[layer] = decoder.decode(features, known, test[kept])
            seen = np.array([name not in fold for name in known])
            self.statistics[layer] = LayerStatistics.of(features[seen])
            table = folder / "decoded/sub-01/VC/topk/cross_validation.tsv"
            self.weights[layer] = max(read_accuracy(table, layer), 0.05) ** 2
        shown = stimuli.set_index("stimulus_id", drop=False).loc[self.names]
        self.images: NDArray[np.uint8] = load_images(shown, self.size)

    def scores(self, network: Network, settings: SearchSettings) -> tuple[NDArray, NDArray]:
        """Pixel correlation and two-way identification of each image, (n,)."""
        weights = self.weights if settings.layer_weights == "accuracy" else None
        result = reconstruct(
            self.decoded, network, self.size, self.statistics, settings, layer_weights=weights,
            compute=Compute(device="cpu"),
        )  # fmt: skip
        similarity = similarity_matrix(self.images, result.images)
        # Crops of the same photograph are not compared.
        group = np.array(self.groups)
        competes = group[:, None] != group
        beaten = (similarity < np.diagonal(similarity)) & competes
        identified = beaten.sum(axis=0) / competes.sum(axis=0)
        return pixel_correlation(self.images, result.images), identified


def rows(problem: HeldOut) -> Iterator[str]:
    """Rows of the table, with paired differences from the preset and their standard errors."""
    network = load("efficientnet_lite0")
    yield (
        f"SIMULATED brain data. {len(problem.names)} crops of photographs that decoders were not "
        "trained on; differences are paired, with standard errors over images.\n"
    )
    yield "| variant | pixel correlation | difference | identification | difference |"
    yield "|---|--:|--:|--:|--:|"
    base: tuple[NDArray, NDArray] | None = None
    for name, settings in VARIANTS.items():
        found = problem.scores(network, settings)
        base = base or found
        cells = []
        for values, of_base in zip(found, base, strict=True):
            gap = values - of_base
            error = gap.std(ddof=1) / np.sqrt(len(gap))
            cells += [f"{np.nanmean(values):.3f}", f"{gap.mean():+.3f} ± {error:.3f}"]
        yield f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    """Write the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--study", type=Path, default=Path("results/demo"))
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    settings = yaml.safe_load(Path("config.yaml").read_text())
    report(
        RESULTS / "presets.md",
        "Settings of the preset deeprecon",
        machine(("torch",), given.threads),
        rows(HeldOut(given.study, settings)),
    )


if __name__ == "__main__":
    main()
