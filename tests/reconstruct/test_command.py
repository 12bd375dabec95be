"""A user's program as prior: what it gets, what it must write, and how it can fail."""

import sys

import numpy as np
import pytest

from deeprecon.errors import InputError
from deeprecon.reconstruct.command import reconstruct_by_command
from deeprecon.reconstruct.presets import settings_of
from tests.reconstruct.tiny import SIZE, TinyNetwork, features, images, statistics

NETWORK = TinyNetwork()
STATISTICS = statistics(NETWORK)
TRUE = features(NETWORK, images())
NAMES = ["a 1", "b", "c"]

PAINTER = """
import sys
from pathlib import Path
import h5py
import numpy as np
from PIL import Image
folder, out, seed, size = sys.argv[1:]
with h5py.File(Path(folder, "conv1.h5")) as file:
    names, found = file["stimulus_id"].asstr()[:], file["features"][:]
print("painting", len(names), "with", sorted(path.name for path in Path(folder).iterdir()))
for name, y in zip(names, found):
    level = int(round(float(y.std()))) + int(seed)
    {body}
"""
PAINT = 'Image.new("RGB", (int(size),) * 2, (level,) * 3).save(Path(out, name + ".png"))'


def paint(tmp_path, body=PAINT, words="{features} {images} {seed} {size}", **options):
    """Run a program that paints uniform images; their grey is the features' SD plus the seed."""
    script = tmp_path / "painter.py"
    script.write_text(PAINTER.replace("{body}", body))
    command = f"{sys.executable} '{script}' {words}"
    settings = settings_of("deeprecon", {"prior": "command", "command": command})
    return reconstruct_by_command(
        TRUE, NETWORK, SIZE, STATISTICS, settings, stimulus_id=NAMES, **options
    )


def test_the_program_reads_features_and_writes_images(tmp_path, caplog):
    caplog.set_level("INFO")
    result = paint(tmp_path, decoded=False, seed=7)
    expected = [round(float(y.std())) + 7 for y in TRUE["conv1"]]
    assert result.images[:, 0, 0, 0].tolist() == expected
    assert result.images.shape == (3, SIZE, SIZE, 3)
    assert "painting 3 with ['conv1.h5', 'conv2.h5', 'fc.h5']" in caplog.text
    found = features(NETWORK, result.images)
    for layer, y in TRUE.items():
        far = ((found[layer] - y) ** 2).reshape(3, -1).sum(1)
        power = ((y - STATISTICS[layer].mean) ** 2).reshape(3, -1).sum(1)
        np.testing.assert_allclose(result.layer_loss[layer], far / power, rtol=1e-4)


def test_decoded_features_are_scaled_first(tmp_path):
    as_they_are = paint(tmp_path, decoded=False)
    scaled = paint(tmp_path, decoded=True)
    assert not np.array_equal(as_they_are.images, scaled.images)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"body": "sys.exit('no GPU here')"}, "ended with exit code 1: no GPU here"),
        ({"body": "pass"}, "the command wrote no a 1.png into {images}"),
        ({"body": PAINT.replace("int(size)", "9")}, "a 1.png has 9 x 9 pixels, expected 16 x 16"),
        (
            {"body": "Path(out, name + '.png').write_text('no image')"},
            "a 1.png is not a readable image",
        ),
        (
            {"words": "{faetures}"},
            r"KeyError\('faetures'\); it may contain {features}, {images}, {se",
        ),
    ],
)
def test_a_program_that_fails_is_named_in_one_line(tmp_path, options, message):
    with pytest.raises(InputError, match=message) as caught:
        paint(tmp_path, **options)
    assert len(str(caught.value).splitlines()) == 1


def test_a_program_that_is_not_there():
    settings = settings_of("deeprecon", {"prior": "command", "command": "no_such_program {images}"})
    with pytest.raises(InputError, match="'no_such_program': No such file"):
        reconstruct_by_command(
            TRUE, NETWORK, SIZE, STATISTICS, settings, stimulus_id=NAMES, decoded=False
        )
