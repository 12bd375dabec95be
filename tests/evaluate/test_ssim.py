import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from skimage.metrics import structural_similarity

from deeprecon.errors import InputError
from deeprecon.evaluate.ssim import ssim_425, ssim_columns, ssim_grey, ssim_rgb

ALL = (ssim_grey, ssim_rgb, ssim_425, ssim_columns)
ATOL = 1e-6  # at 425 x 425 pixels they are computed in single precision
C1, C2 = 0.01**2, 0.03**2
EDGE = slice(5, -5)  # half a window


def make_images(n: int = 3, height: int = 24, width: int = 24, seed: int = 0) -> NDArray[np.uint8]:
    """Smooth random pictures, so that SSIM is away from 0."""
    noise = np.random.default_rng(seed).normal(size=(n, height, width, 3))
    return np.clip(128 + 400 * gaussian_filter(noise, (0, 2, 2, 0)), 0, 255).astype(np.uint8)


def make_pair(height: int = 24, width: int = 24) -> tuple[NDArray, NDArray]:
    """Pictures, and the same mixed with others."""
    true, other = (make_images(3, height, width, seed) for seed in (1, 2))
    return true, (0.7 * true + 0.3 * other).astype(np.uint8)


def grey(image: NDArray) -> NDArray:
    return image / 255.0 @ [0.2125, 0.7154, 0.0721]


def index(x: NDArray, y: NDArray, blur) -> NDArray:
    """Equation 13 of Wang et al. (2004) at every place, for dynamic range 1."""
    mx, my = blur(x), blur(y)
    vx, vy, vxy = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
    return (2 * mx * my + C1) * (2 * vxy + C2) / ((mx**2 + my**2 + C1) * (vx + vy + C2))


def in_two_dimensions(x: NDArray, y: NDArray) -> float:
    """Mean over a plane, in a window of 11 x 11."""
    return index(x, y, lambda z: gaussian_filter(z, 1.5, radius=5))[EDGE, EDGE].mean()


def down_columns(x: NDArray, y: NDArray) -> float:
    """Mean over columns of what each is in a window of 11 x 1."""
    return index(x, y, lambda z: gaussian_filter1d(z, 1.5, axis=0, radius=5))[EDGE].mean()


def at_425(image: NDArray) -> NDArray:
    return np.asarray(Image.fromarray(image).resize((425, 425), Image.Resampling.BILINEAR))


DEFINITIONS = [
    (ssim_grey, lambda a, b: in_two_dimensions(grey(a), grey(b))),
    (
        ssim_rgb,
        lambda a, b: np.mean(
            [in_two_dimensions(a[..., c] / 255.0, b[..., c] / 255.0) for c in range(3)]
        ),
    ),
    (ssim_425, lambda a, b: in_two_dimensions(grey(at_425(a)), grey(at_425(b)))),
    (ssim_columns, lambda a, b: down_columns(grey(at_425(a)), grey(at_425(b)))),
]


@pytest.mark.parametrize(("score", "defined"), DEFINITIONS)
def test_each_variant_is_its_definition(score, defined):
    true, recon = make_pair(24, 30)
    expected = [defined(a, b) for a, b in zip(true, recon, strict=True)]
    assert 0.2 < np.mean(expected) < 0.995
    np.testing.assert_allclose(score(true, recon), expected, atol=ATOL)


def test_variants_differ():
    true, recon = make_pair()
    values = np.array([score(true, recon) for score in ALL])
    assert all((abs(a - b) > 0.002).all() for i, a in enumerate(values) for b in values[:i])


def test_columns_are_those_of_the_image_not_its_rows():
    """Stripes that differ in each row, but are the same in all columns, and the other way round."""
    stripes = np.random.default_rng(0).integers(0, 256, (2, 425, 1, 1))
    along = np.broadcast_to(stripes, (2, 425, 425, 3)).astype(np.uint8)
    across = along.transpose(0, 2, 1, 3)
    flat = (grey(along[0, :, 0]), grey(along[1, :, 0]))
    expected = index(*flat, lambda z: gaussian_filter1d(z, 1.5, radius=5))[EDGE].mean()
    np.testing.assert_allclose(ssim_columns(along[:1], along[1:]), expected, atol=ATOL)
    # Down a column nothing varies: what is left is the comparison of means.
    a, b = (grey(image[0]) for image in across)
    means = ((2 * a * b + C1) / (a**2 + b**2 + C1)).mean()
    np.testing.assert_allclose(ssim_columns(across[:1], across[1:]), means, atol=ATOL)


def test_columns_are_what_scikit_image_gives_for_each_by_itself():
    true, recon = (grey(images[0]) for images in make_pair(425, 425))
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    pairs = zip(true.T, recon.T, strict=True)
    expected = np.mean([structural_similarity(a, b, data_range=1.0, **settings) for a, b in pairs])
    found = ssim_columns(*(images[:1] for images in make_pair(425, 425)))
    np.testing.assert_allclose(found, [expected], atol=ATOL)


@pytest.mark.parametrize("score", ALL)
def test_equal_images_score_1_and_shapes_are_kept(score):
    images = make_images(2)
    np.testing.assert_allclose(score(images, images), [1, 1])


@pytest.mark.parametrize("score", ALL)
def test_order_of_the_two_does_not_matter(score):
    true, recon = make_pair()
    np.testing.assert_allclose(score(true, recon), score(recon, true), atol=ATOL)


@pytest.mark.parametrize("score", ALL)
def test_floats_are_on_the_scale_of_the_integers(score):
    true, recon = make_pair()
    np.testing.assert_allclose(
        score(true.astype(np.float32), recon.astype(np.float64)), score(true, recon), atol=1e-5
    )


@pytest.mark.parametrize("score", ALL)
@pytest.mark.parametrize("shape", [(10, 24), (24, 10)])
def test_images_smaller_than_the_window_are_refused(score, shape):
    images = make_images(1, *shape)
    with pytest.raises(InputError, match="at least 11"):
        score(images, images)


@pytest.mark.parametrize("score", ALL)
def test_images_that_do_not_fit_are_refused(score):
    images = make_images(2)
    with pytest.raises(InputError, match="true images have shape"):
        score(images, images[:1])
    with pytest.raises(InputError, match="not 0-1"):
        score(images, images / 255.0)
    with pytest.raises(InputError, match="height, width, 3"):
        score(images[..., 0], images[..., 0])
