"""Make docs/demo.png from a finished demo: `make demo`, then `make picture`.

Shapes and letters only: the photographs belong to their authors and are not copied here.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from deeprecon.data.stimuli import load_images, read_stimuli
from deeprecon.reconstruct.store import read_images
from deeprecon.report.gallery import gallery

RESULTS = Path("results/demo")
SHOWN = {"shapes": ["1", "3", "4", "6", "8", "11", "13", "16", "21", "26", "38"], "letters": ["1"]}


def pictures(kind: str) -> np.ndarray:
    """Presented (kind "stimuli") or reconstructed images of the sets above, (n, 64, 64, 3)."""
    parts = []
    for name, ids in SHOWN.items():
        if kind == "stimuli":
            table = read_stimuli(RESULTS / "stimuli" / f"{name}.tsv").set_index("stimulus_id")
            parts.append(load_images(table.loc[ids], 64))
        else:
            parts.append(read_images(RESULTS / kind / f"{name}.h5", ids))
    return np.concatenate(parts)


def main() -> None:
    """Write docs/demo.png."""
    rows = [
        ("from simulated fMRI", pictures("recon/sub-01/VC/all_layers")),
        ("control: labels permuted", pictures("recon/sub-01/VC/permuted_labels")),
    ]
    title = (
        "Presented shapes and what deeprecon makes of simulated fMRI (a choice; all in the report)"
    )
    image: Image.Image = gallery(pictures("stimuli"), rows, title)
    image.save("docs/demo.png", optimize=True)


if __name__ == "__main__":
    main()
