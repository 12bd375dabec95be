"""Make docs/demo.png from a finished demo: `make demo`, then `make picture`.

It shows only shapes and letters, because the photographs are copyrighted.
"""

from pathlib import Path

import numpy as np

from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.reconstruct.store import read_images
from deeprecon.report.gallery import gallery

RESULTS = Path("results/demo")
SETS = ("shapes", "letters")
N_SHOWN, SEED = 12, 0


def images(source: str) -> np.ndarray:
    """All presented ("stimuli") or reconstructed images of the two sets, (50, 64, 64, 3)."""
    parts = []
    for name in SETS:
        table = read_stimuli(RESULTS / "stimuli" / f"{name}.tsv")
        if source == "stimuli":
            parts.append(load_images(table, 64))
        else:
            parts.append(read_images(RESULTS / source / f"{name}.h5", list(table["stimulus_id"])))
    return np.concatenate(parts)


def main() -> None:
    """Write docs/demo.png."""
    presented = images("stimuli")
    rng = np.random.default_rng(SEED)
    shown = np.sort(rng.choice(len(presented), N_SHOWN, replace=False))
    rows = [
        ("from simulated fMRI", images("recon/sub-01/VC/all_layers")[shown]),
        ("control: labels permuted", images("recon/sub-01/VC/permuted_labels")[shown]),
    ]
    title = f"{N_SHOWN} of {len(presented)} shapes and letters, drawn at random (seed {SEED})"
    gallery(presented[shown], rows, title).save("docs/demo.png", optimize=True)


if __name__ == "__main__":
    main()
