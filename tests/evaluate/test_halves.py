"""Noise ceiling of images from halves: planted noise is recovered."""

import numpy as np
import pytest

from deeprecon.decode.region import TestSamples
from deeprecon.evaluate.halves import image_noise_ceiling, in_both, spread
from deeprecon.evaluate.suite import Score

RNG = np.random.default_rng(0)


def correlations(a, b):
    """Of each row."""
    return np.array([np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)])


@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
def test_the_ceiling_is_the_correlation_with_the_image_without_noise(noise):
    """Each half has noise of its own; the whole is their mean."""
    pictures = RNG.normal(size=(200, 300))
    halves = [pictures + noise * RNG.normal(size=pictures.shape) for _ in range(2)]
    expected = correlations(np.mean(halves, axis=0), pictures).mean()
    assert image_noise_ceiling(correlations(*halves)) == pytest.approx(expected, abs=0.02)


def test_halves_that_say_nothing_have_no_ceiling():
    assert np.isnan(image_noise_ceiling(np.array([-0.2, 0.1])))
    assert np.isnan(image_noise_ceiling(np.array([np.nan])))
    assert image_noise_ceiling(np.array([1.0, 1.0])) == 1


def test_scores_of_some_images_are_extended_to_all():
    score = Score("m", "own", np.array([1.0, 2.0]), "RGB", 8)
    (whole,) = spread([score], [2, 0], 4)
    np.testing.assert_array_equal(whole.values, [2, np.nan, 1, np.nan])
    assert in_both(["b"], ["a"], ["a", "b"]) == []


def samples(stimulus_id):
    """Row k holds k + 1."""
    return TestSamples(np.arange(1.0, len(stimulus_id) + 1)[:, None], list(stimulus_id))


def test_halves_are_odd_and_even_presentations_of_each_stimulus():
    test = samples("abababab")  # a: 1 3 5 7, b: 2 4 6 8
    first, names = test.half(1)
    second, again = test.half(2)
    assert names == again == test.averaged("all")[1]
    by_name = dict(zip(names, zip(first[:, 0], second[:, 0], strict=True), strict=True))
    assert by_name == {"a": (3, 5), "b": (4, 6)}


def test_the_last_of_an_odd_number_is_in_neither_half():
    test = samples("aaabb")
    assert dict(zip(test.half(1)[1], test.half(1)[0][:, 0], strict=True)) == {"a": 1, "b": 4}
    assert dict(zip(test.half(2)[1], test.half(2)[0][:, 0], strict=True)) == {"a": 2, "b": 5}


def test_a_stimulus_shown_once_has_no_half():
    first, names = samples("aab").half(1)
    assert names == ["a"]
    assert len(first) == 1
    nothing, names = samples("abc").half(2)
    assert (len(nothing), names) == (0, [])
    assert nothing.shape[1:] == (1,)


def test_as_many_repetitions_as_are_averaged_are_halved():
    first, _ = samples("aaaaaa").half(1, 4)  # 1 and 3 of the first four
    assert first.tolist() == [[2.0]]
    assert samples("aaaaaa").half(1)[0].tolist() == [[3.0]]
