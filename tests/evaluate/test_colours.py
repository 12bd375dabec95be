import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from deeprecon.errors import InputError
from deeprecon.evaluate.colours import (
    colour_histogram,
    low_frequencies,
    mean_colour,
    mean_luminance,
    similarity_of_distances,
)
from deeprecon.stats.identification import two_way_identification

# L*, a*, b* of sRGB under D65, from tables of the primaries.
PRIMARIES = {
    (0, 0, 0): (0, 0, 0),
    (255, 255, 255): (100, 0, 0),
    (255, 0, 0): (53.24, 80.09, 67.20),
    (0, 255, 0): (87.73, -86.18, 83.18),
    (0, 0, 255): (32.30, 79.19, -107.86),
}


def plain(*colours: tuple[int, int, int], size: int = 8) -> NDArray[np.uint8]:
    """An image of each colour."""
    images = np.empty((len(colours), size, size, 3), np.uint8)
    images[:] = np.array(colours)[:, None, None]
    return images


def noise(n: int = 4, size: int = 16, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3)).astype(np.uint8)


def test_mean_colour_of_the_primaries():
    found = mean_colour(plain(*PRIMARIES))
    np.testing.assert_allclose(found, list(PRIMARIES.values()), atol=0.03)
    np.testing.assert_allclose(mean_luminance(plain(*PRIMARIES)), found[:, :1])


def test_means_are_of_the_pixels_lab_values_not_lab_of_the_mean():
    """Black and white half and half: L* is 50, that of the mean grey would be 54."""
    image = plain((0, 0, 0))
    image[0, :4] = 255
    np.testing.assert_allclose(mean_colour(image), [[50, 0, 0]], atol=0.01)


@pytest.mark.parametrize(
    "vectors", [mean_luminance, mean_colour, colour_histogram], ids=lambda f: f.__name__
)
def test_places_of_pixels_do_not_matter(vectors):
    images = noise()
    pixels = images.reshape(4, -1, 3)
    shuffled = np.random.default_rng(1).permutation(pixels, axis=1).reshape(images.shape)
    np.testing.assert_allclose(vectors(shuffled), vectors(images), atol=1e-9)


@pytest.mark.parametrize(
    "vectors", [mean_luminance, mean_colour, colour_histogram, low_frequencies]
)
def test_floats_are_on_the_scale_of_the_integers(vectors):
    np.testing.assert_allclose(vectors(noise().astype(np.float32)), vectors(noise()), atol=1e-4)


def test_histogram_counts_pixels_of_boxes():
    image = plain((0, 63, 64), size=4)
    image[0, 0] = (255, 192, 191)  # 4 of 16 pixels
    found = colour_histogram(image)
    expected = np.zeros((4, 4, 4))
    expected[0, 0, 1], expected[3, 3, 2] = 12 / 16, 4 / 16
    np.testing.assert_allclose(found, np.sqrt(expected).reshape(1, 64))


def test_histograms_are_those_of_numpy():
    images = noise(seed=3)
    for image, found in zip(images, colour_histogram(images), strict=True):
        counts, _ = np.histogramdd(image.reshape(-1, 3), bins=[np.arange(0, 257, 64)] * 3)
        np.testing.assert_allclose(found**2, counts.ravel() / counts.sum())


def test_distance_of_histograms_without_common_colours_is_that_of_hellinger():
    red, blue = colour_histogram(plain((255, 0, 0), (0, 0, 255)))
    np.testing.assert_allclose(similarity_of_distances(red[None], blue[None]), -np.sqrt(2))


@pytest.mark.parametrize("size", [4, 16])
def test_low_frequencies_are_means_of_cells(size):
    images = noise(size=size)
    cells = images.reshape(4, 4, size // 4, 4, size // 4, 3)
    np.testing.assert_allclose(low_frequencies(images), cells.mean(axis=(2, 4)))


def test_low_frequencies_of_sides_that_do_not_divide():
    image = np.arange(6.0)[None, :, None, None] * np.ones((1, 6, 5, 3))
    expected = np.array([0.5, 2.5, 4, 5])[None, :, None, None] * np.ones((1, 4, 4, 3))
    np.testing.assert_allclose(low_frequencies(image), expected)


def test_low_frequencies_of_a_tiny_image_are_refused():
    with pytest.raises(InputError, match=r"\(4, 3, 3, 3\).*4 pixels"):
        low_frequencies(noise(size=3))


def test_similarity_is_the_negative_distance_true_by_recon():
    rng = np.random.default_rng(0)
    true, recon = rng.normal(size=(3, 5)), rng.normal(size=(4, 5))
    expected = -np.linalg.norm(true[:, None] - recon[None], axis=2)
    np.testing.assert_allclose(similarity_of_distances(true, recon), expected, atol=1e-8)


def test_equal_distances_tie_whatever_the_order_of_summation():
    rng = np.random.default_rng(0)
    values = rng.normal(size=50)
    true, recon = np.array([rng.permutation(values) for _ in range(8)]), np.zeros((8, 50))
    assert len(np.unique(cdist(true, recon))) > 1  # else this shows nothing
    similarity = similarity_of_distances(true, recon)
    np.testing.assert_array_equal(two_way_identification(similarity), 0)


@pytest.mark.parametrize("vectors", [mean_luminance, mean_colour, colour_histogram])
def test_a_colour_alone_identifies(vectors):
    """Reconstructions that keep the colour of an image and nothing else."""
    colours = [(10, 10, 10), (90, 20, 20), (60, 160, 60), (210, 210, 250)]
    grain = noise(size=8).astype(int) // 16
    true, recon = (plain(*colours).astype(int) + part for part in (grain, grain[:, ::-1]))
    similarity = similarity_of_distances(*(vectors(np.clip(x, 0, 255)) for x in (true, recon)))
    np.testing.assert_array_equal(two_way_identification(similarity), 1)


def test_without_a_relation_it_is_chance():
    true, recon = (mean_colour(noise(60, 4, seed)) for seed in (1, 2))
    score = two_way_identification(similarity_of_distances(true, recon)).mean()
    assert abs(score - 0.5) < 0.12
