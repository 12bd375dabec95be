import numpy as np
import pytest

from deeprecon.errors import InputError
from deeprecon.evaluate.baselines import derangement, mean_image, nearest_training
from deeprecon.evaluate.pictures import read_pictures, write_pictures


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


def test_pictures_read_back_in_the_order_asked_for(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    path = tmp_path / "set.h5"
    write_pictures(path, {"b": images, "a": images[::-1]}, ["x", "y", "z"], {"study": "s"})
    back = read_pictures(path, ["z", "x"])
    assert list(back) == ["b", "a"]
    np.testing.assert_array_equal(back["b"], images[[2, 0]])
    with pytest.raises(InputError, match="w"):
        read_pictures(path, ["w"])
