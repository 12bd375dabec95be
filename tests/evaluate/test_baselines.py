import h5py
import numpy as np
import pytest

from deeprecon.errors import InputError
from deeprecon.evaluate.baseline_files import read_baselines, write_baselines
from deeprecon.evaluate.baselines import (
    BASELINES,
    baseline_images,
    derangement,
    mean_image,
    nearest_training,
)
from deeprecon.features.sampled import SampledUnits
from deeprecon.features.units import Units


@pytest.mark.parametrize("n", [2, 3, 7, 50])
@pytest.mark.parametrize("seed", range(5))
def test_no_image_keeps_its_index(n, seed):
    order = derangement(n, seed)
    assert sorted(order) == list(range(n))
    assert (order != np.arange(n)).all()
    np.testing.assert_array_equal(order, derangement(n, seed))


def test_seeds_differ():
    assert len({tuple(derangement(20, seed)) for seed in range(5)}) == 5


def test_one_image_has_no_other_order():
    assert derangement(1, 0) is None


def test_the_nearest_training_image_is_found_through_noise_in_every_layer():
    rng = np.random.default_rng(0)
    training = {"conv": 5 + rng.standard_normal((30, 50)), "fc": rng.standard_normal((30, 20))}
    wanted = rng.permutation(30)[:8]
    decoded = {
        k: v[wanted] + 0.5 * rng.standard_normal(v[wanted].shape) for k, v in training.items()
    }
    np.testing.assert_array_equal(nearest_training(decoded, training), wanted)


def test_units_are_compared_in_their_own_sd():
    rng = np.random.default_rng(1)
    training = {"fc": rng.standard_normal((30, 20))}
    decoded = {"fc": training["fc"][[4, 9]].copy()}
    scale, shift = 10.0 ** rng.integers(-3, 4, 20), rng.normal(0, 100, 20)
    scaled = [{"fc": part["fc"] * scale + shift} for part in (decoded, training)]
    np.testing.assert_array_equal(nearest_training(*scaled), [4, 9])


def test_a_unit_that_never_changes_in_training_tells_nothing():
    rng = np.random.default_rng(2)
    training = {"fc": rng.standard_normal((30, 20))}
    training["fc"][:, 3] = 1.0
    decoded = {"fc": training["fc"][[7]].copy()}
    decoded["fc"][:, 3] = 1e6
    assert nearest_training(decoded, training).tolist() == [7]


def test_layers_that_training_lacks_are_refused():
    with pytest.raises(InputError, match="nearest training image"):
        nearest_training({"fc8": np.ones((2, 3))}, {"fc": np.ones((4, 3))})


def test_the_mean_image_is_rounded_and_repeated():
    images = np.array([0, 255, 3], np.uint8).reshape(3, 1, 1, 1) * np.ones((1, 2, 2, 3), np.uint8)
    mean = mean_image(images, 4)
    assert mean.shape == (4, 2, 2, 3)
    assert mean.dtype == np.uint8
    assert (mean == 86).all()


def test_baselines_read_back_in_the_order_asked_for(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    path = tmp_path / "set.h5"
    write_baselines(path, {"b": images, "a": images[::-1]}, ["x", "y", "z"], {"study": "s"})
    back = read_baselines(path, ["z", "x"])
    assert list(back) == ["b", "a"]
    with h5py.File(path) as file:
        assert list(file["images"]) == ["b", "a"]
    np.testing.assert_array_equal(back["b"], images[[2, 0]])
    with pytest.raises(InputError, match="w"):
        read_baselines(path, ["w"])


def images(n, seed):
    return np.random.default_rng(seed).integers(0, 256, (n, 4, 4, 3), dtype=np.uint8)


def baselines(n=5, **options):
    """Baselines of n reconstructions whose features are those of the last training images."""
    rng = np.random.default_rng(3)
    units = {"conv": Units((2, 3, 3), np.array([0, 4, 17])), "fc": Units.every((6,))}
    whole = {"conv": rng.standard_normal((12, 2, 3, 3)), "fc": rng.standard_normal((12, 6))}
    known = {k: v.reshape(12, -1)[:, units[k].index] for k, v in whole.items()}
    sampled = SampledUnits([str(i) for i in range(12)], known, units)
    decoded = {layer: values[-n:] for layer, values in whole.items()}
    return baseline_images(images(n, 0), decoded, images(12, 1), sampled, **options)


def test_every_baseline_is_an_image_for_each_reconstruction():
    found = baselines(mean=images(1, 4), start=images(1, 5))
    assert list(found) == list(BASELINES)
    assert {part.shape for part in found.values()} == {(5, 4, 4, 3)}
    np.testing.assert_array_equal(found["nearest_training"], images(12, 1)[-5:])
    np.testing.assert_array_equal(found["mean_training"][0], mean_image(images(12, 1), 1)[0])
    for name, seed in (("mean_features", 4), ("prior_only", 5)):
        np.testing.assert_array_equal(found[name], np.repeat(images(1, seed), 5, axis=0))
    shuffled, own = found["shuffled_features"], images(5, 0)
    assert sorted(map(bytes, shuffled)) == sorted(map(bytes, own))
    assert not any((a == b).all() for a, b in zip(shuffled, own, strict=True))


def test_baselines_that_do_not_exist_are_left_out():
    assert list(baselines()) == ["shuffled_features", "nearest_training", "mean_training"]
    assert list(baselines(n=1)) == ["nearest_training", "mean_training"]
