"""The example in README.md runs as it stands there."""

import re
from pathlib import Path

import numpy as np

README = Path(__file__).parents[1] / "README.md"


def test_library_example_reconstructs_its_images():
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    exec(example, names)
    found, true = names["result"].images.astype(float), names["images"].astype(float)
    assert found.shape == (3, 64, 64, 3)
    for reconstructed, original in zip(found, true, strict=True):
        assert np.corrcoef(reconstructed.ravel(), original.ravel())[0, 1] > 0.8
