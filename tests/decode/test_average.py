import numpy as np
import pytest

from deeprecon.decode.average import average_features
from deeprecon.errors import InputError
from deeprecon.features.store import read_features, write_features

RNG = np.random.default_rng(0)
NAMES = ["a", "b", "c"]


def written(path, features, names=NAMES):
    write_features(path, features.astype(np.float32), names, {})
    return path


def test_mean_of_the_same_stimuli_in_the_order_of_the_first(tmp_path):
    one, two = RNG.normal(size=(2, 3, 4, 5, 5)).astype(np.float32)
    paths = [
        written(tmp_path / "1.h5", one),
        written(tmp_path / "2.h5", two[[2, 0, 1]], ["c", "a", "b"]),
    ]
    average_features(paths, tmp_path / "mean.h5", {"study": "s"})
    mean, names = read_features(tmp_path / "mean.h5")
    assert list(names) == NAMES
    np.testing.assert_allclose(mean, (one + two) / 2, rtol=1e-6)


@pytest.mark.parametrize(
    ("shape", "names", "message"),
    [((3, 4), NAMES, "units have shape"), ((2, 6), ["a", "b"], "'c'")],
)
def test_files_that_do_not_fit(tmp_path, shape, names, message):
    paths = [
        written(tmp_path / "1.h5", RNG.normal(size=(3, 6))),
        written(tmp_path / "2.h5", RNG.normal(size=shape), names),
    ]
    with pytest.raises(InputError, match=message):
        average_features(paths, tmp_path / "mean.h5", {})
    assert not (tmp_path / "mean.h5").exists()
