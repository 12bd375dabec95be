import numpy as np
import pytest
from PIL import Image

from deeprecon.errors import InputError
from deeprecon.reconstruct.compute import Compute
from deeprecon.reconstruct.invert import reconstruct
from deeprecon.reconstruct.settings import SearchSettings
from deeprecon.reconstruct.store import digest, read_history, read_images, write_reconstruction
from tests.reconstruct.tiny import SIZE, TinyNetwork, features, images, statistics

NAMES = ["one", "two", "three"]


@pytest.fixture(scope="module")
def result():
    network = TinyNetwork()
    settings = SearchSettings(n_iterations=4, layer_weights="equal")
    return reconstruct(
        features(network, images()), network, SIZE, statistics(network), settings,
        decoded=False, compute=Compute(device="cpu"),
    )  # fmt: skip


def test_what_is_written_is_read(result, tmp_path):
    path, folder = tmp_path / "r.h5", tmp_path / "r"
    folder.mkdir()
    write_reconstruction(path, folder, result, NAMES, {"seed": 3})
    np.testing.assert_array_equal(read_images(path, NAMES), result.images)
    np.testing.assert_array_equal(read_images(path, ["three", "one"]), result.images[[2, 0]])
    history = read_history(path)
    np.testing.assert_array_equal(history.loss, result.loss)
    np.testing.assert_array_equal(history.layer_loss["fc"], result.layer_loss["fc"])
    np.testing.assert_array_equal(history.snapshots, result.snapshots)
    assert history.snapshot_id == NAMES
    for name, image in zip(NAMES, result.images, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(folder / f"{name}.png")), image)


def test_a_stimulus_that_was_not_reconstructed(result, tmp_path):
    (tmp_path / "r").mkdir()
    write_reconstruction(tmp_path / "r.h5", tmp_path / "r", result, NAMES, {})
    with pytest.raises(InputError, match="no reconstruction of stimulus 'four'"):
        read_images(tmp_path / "r.h5", ["one", "four"])


def test_a_full_disk_leaves_no_half_file(result, tmp_path, monkeypatch):
    """The last write fails: no HDF5 file that looks complete, no temporary ones."""
    import h5py

    (tmp_path / "r").mkdir()

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(h5py.Group, "create_dataset", full)
    with pytest.raises(OSError, match="No space left"):
        write_reconstruction(tmp_path / "r.h5", tmp_path / "r", result, NAMES, {})
    assert [path.name for path in tmp_path.iterdir()] == ["r"]
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == [
        "one.png", "three.png", "two.png",
    ]  # fmt: skip


def test_digest_sees_every_part():
    targets = {"a": np.zeros(3), "b": np.ones(2)}
    first = digest("key", targets, None)
    assert first == digest("key", {"a": np.zeros(3), "b": np.ones(2)}, None)
    changed = [
        digest("other", targets, None),
        digest("key", targets | {"b": np.zeros(2)}, None),
        digest("key", {"a": np.zeros(3)}, None),
        digest("key", targets, {"a": 0.5}),
    ]
    assert len({first, *changed}) == 5
