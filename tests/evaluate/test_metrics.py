import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.stats import pearsonr

from deeprecon.errors import InputError
from deeprecon.evaluate.metrics import pixel_correlation
from deeprecon.stats.correlation import similarity_matrix
from deeprecon.stats.identification import two_way_identification

# Element [i, j]: true image i with reconstruction j. Answers below are counted by hand.
PLAIN = np.array([[0.9, 0.8, 0.1], [0.7, 0.6, 0.5], [0.2, 0.3, 0.4]])
TIES = np.array([[0.5, 0.5, np.nan], [0.5, 0.6, 0.1], [0.2, 0.6, 0.3]])


def make_images(n: int = 4, size: int = 24, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth random pictures, so that SSIM and correlations are away from 0."""
    noise = np.random.default_rng(seed).normal(size=(n, size, size, 3))
    smooth = gaussian_filter(noise, sigma=(0, 2, 2, 0))
    return np.clip(128 + 400 * smooth, 0, 255).astype(np.uint8)


def test_pixel_correlation_is_pearsons_over_all_rgb_values():
    true, recon = make_images(seed=1), make_images(seed=2)
    expected = [pearsonr(a.ravel(), b.ravel()).statistic for a, b in zip(true, recon, strict=True)]
    np.testing.assert_allclose(pixel_correlation(true, recon), expected, atol=1e-11)


def test_pixel_correlation_of_equal_inverted_and_constant_images():
    true = make_images(n=3)
    recon = np.stack([true[0], 255 - true[1], np.full_like(true[2], 40)])
    np.testing.assert_array_equal(pixel_correlation(true, recon), [1, -1, np.nan])


@pytest.mark.parametrize("unit_shape", [(5,), (24, 24, 3), (2, 70_000)])
def test_similarity_matrix_equals_corrcoef(unit_shape):
    rng = np.random.default_rng(3)
    true = rng.normal(50, 10, (4, *unit_shape)).astype(np.float32)
    recon = true[[0, 1, 3]] + rng.normal(50, 10, (3, *unit_shape)).astype(np.float32)
    both = np.concatenate([true, recon]).reshape(7, -1).astype(np.float64)
    np.testing.assert_allclose(
        similarity_matrix(true, recon), np.corrcoef(both)[:4, 4:], atol=1e-11
    )


def test_similarity_to_constant_or_undefined_rows_is_nan():
    rng = np.random.default_rng(0)
    true, recon = rng.normal(size=(3, 1000)), rng.normal(size=(4, 1000))
    true[1] = 0.1  # a mean that is not exact in binary
    recon[2, 5] = np.nan
    undefined = np.isnan(similarity_matrix(true, recon))
    expected = np.zeros((3, 4), bool)
    expected[1, :] = expected[:, 2] = True
    np.testing.assert_array_equal(undefined, expected)


def test_equal_correlations_tie_whatever_the_order_of_summation():
    rng = np.random.default_rng(0)
    halves = rng.normal(size=(2, 500))
    # Shuffled within halves over which the reconstruction is flat: the correlation is the same.
    true = np.array([np.concatenate([rng.permutation(half) for half in halves]) for _ in range(8)])
    recon = np.tile(np.repeat([0.1, 0.7], 500), (8, 1))
    np.testing.assert_array_equal(two_way_identification(similarity_matrix(true, recon)), 0)


@pytest.mark.parametrize("n", [2, 7, 12])
def test_one_picture_for_all_reconstructions_identifies_nothing(n):
    true = np.random.default_rng(n).integers(0, 256, (n, 64, 64, 3)).astype(np.uint8)
    recon = np.repeat(true.mean(axis=0, keepdims=True).astype(np.uint8), n, axis=0)
    similarity = similarity_matrix(true, recon)
    np.testing.assert_array_equal(two_way_identification(similarity, fixed="true"), 0)
    assert two_way_identification(similarity, fixed="recon").mean() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("similarity", "fixed", "expected"),
    [
        (PLAIN, "recon", [1, 0.5, 0.5]),
        (PLAIN, "true", [1, 0.5, 1]),
        (TIES, "recon", [0.5, 0.5, 0.5]),
        (TIES, "true", [0, 1, 0.5]),
        (np.eye(3), "recon", [1, 1, 1]),
        (-np.eye(3), "true", [0, 0, 0]),
        (np.full((3, 3), np.nan), "recon", [0, 0, 0]),
    ],
)
def test_two_way_identification_of_small_matrices(similarity, fixed, expected):
    np.testing.assert_array_equal(two_way_identification(similarity, fixed), expected)


@pytest.mark.parametrize("fixed", ["recon", "true"])
def test_two_way_identification_equals_a_loop_over_pairs(fixed):
    rng = np.random.default_rng(4)
    similarity = np.round(rng.uniform(-1, 1, (9, 9)), 1)  # with ties
    expected = []
    for j in range(9):
        beaten = []
        for i in range(9):
            if i != j:
                rival = similarity[i, j] if fixed == "recon" else similarity[j, i]
                beaten.append(rival < similarity[j, j])
        expected.append(np.mean(beaten))
    np.testing.assert_allclose(two_way_identification(similarity, fixed), expected)


IMAGES = make_images()


@pytest.mark.parametrize("metric", [pixel_correlation])
@pytest.mark.parametrize(
    ("true", "recon", "message"),
    [
        (IMAGES, IMAGES[:3], r"\(4, 24, 24, 3\).*\(3, 24, 24, 3\)"),
        (IMAGES[..., 0], IMAGES[..., 0], r"\(n, height, width, 3\)"),
        (IMAGES[:0], IMAGES[:0], r"\(0, 24, 24, 3\)"),
        (IMAGES, IMAGES.astype(float) * 2, "reconstructed images: values from 0 to 510"),
        (IMAGES.astype(float) - 128, IMAGES, "true images: values from -128"),
        (IMAGES, IMAGES / 255.0, "reconstructed images.*not 0-1"),
        (IMAGES * np.nan, IMAGES, "true images: values from nan"),
    ],
)
def test_images_that_do_not_fit_are_refused(metric, true, recon, message):
    with pytest.raises(InputError, match=message):
        metric(true, recon)


@pytest.mark.parametrize(
    ("true", "recon"),
    [
        (np.ones((3, 4)), np.ones((3, 5))),
        (np.ones((3, 2, 2)), np.ones((3, 4))),
        (np.ones(3), np.ones(3)),
        (np.ones((3, 0)), np.ones((3, 0))),
    ],
)
def test_similarity_of_different_units_is_refused(true, recon):
    with pytest.raises(InputError, match="one unit_shape"):
        similarity_matrix(true, recon)


@pytest.mark.parametrize(
    ("similarity", "options", "message"),
    [
        (np.ones((1, 1)), {}, "two-way identification needs at least two images"),
        (np.ones((3, 4)), {}, r"\(3, 4\), expected \(n, n\)"),
        (np.ones(3), {}, r"\(3,\), expected \(n, n\)"),
        (PLAIN, {"fixed": "both"}, "'both', expected 'recon' or 'true'"),
    ],
)
def test_identification_refuses_bad_input(similarity, options, message):
    with pytest.raises(InputError, match=message):
        two_way_identification(similarity, **options)
