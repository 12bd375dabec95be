"""Checks of reconstructions: that they depend on brain data, and that files match the scores."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deeprecon.errors import InputError
from deeprecon.evaluate.baselines import derangement
from deeprecon.evaluate.metrics import pixel_correlation
from deeprecon.evaluate.ssim import ssim_grey
from deeprecon.stats.bootstrap import bootstrap_ci
from deeprecon.stats.correlation import similarity_matrix
from deeprecon.stats.identification import two_way_identification
from deeprecon.stats.permutation import permutation_test
from deeprecon.validity.registry import check
from deeprecon.validity.result import Check, graded, not_run

Images = NDArray[np.uint8]

RECOVERY_WARN, RECOVERY_FAIL = 0.95, 0.8  # share of pairs; below, decoding is not the limit
VARIETY_WARN, VARIETY_FAIL = 0.15, 0.03  # of the originals' SD between images
# Share of the originals' distance from the prior. Photographs are about 60 of 255 grey levels from
# grey; a tenth of that is hardly visible. Decoders of permuted labels still move images by .8 of
# it, so a pass only shows that the search has left the prior.
PRIOR_WARN, PRIOR_FAIL = 0.3, 0.1
COLOUR_MARGIN = 0.02  # share of pairs
SANE_SD = 4.0  # SDs of the permutation null
MINIMUM_SEEDS = 5


@check("V11", "recovery from true features", "images", keys=("method", "set"))
def recovery(true_features_accuracy: float, about: str = "") -> Check:
    """Two-way pixel identification (share of pairs) of reconstructions from true features."""
    accuracy = true_features_accuracy
    if math.isnan(accuracy):
        return not_run("Identification from true features is undefined.", about)
    return graded(
        accuracy,
        fail=accuracy < RECOVERY_FAIL,
        warn=accuracy < RECOVERY_WARN,
        threshold=f"at least {RECOVERY_WARN}",
        sentence=f"From true features {accuracy:.2f} of pairs are identified: "
        + (
            "the search finds the image."
            if accuracy >= RECOVERY_WARN
            else "network, layers or search limit the images, not the brain data alone."
        ),
        about=about,
    )


def _gain(own: ArrayLike, other: ArrayLike, name: str, about: str, strict: bool) -> Check:
    """Paired gain in a score over a baseline; if strict, fails unless its interval is above 0."""
    a, b = np.asarray(own, np.float64), np.asarray(other, np.float64)
    if a.shape != b.shape:
        raise InputError(f"scores of shapes {a.shape} and {b.shape}, expected one for each image")
    difference = (a - b)[~np.isnan(a - b)]
    if len(difference) < 2:
        return not_run(f"{len(difference)} images with both scores.", about)
    interval = bootstrap_ci(difference, 5000)
    return graded(
        interval.estimate,
        fail=interval.high <= 0 or (strict and interval.low <= 0),
        warn=interval.low <= 0,
        threshold="above 0",
        sentence=f"Pixel correlation exceeds that of {name} by {interval.estimate:.2f} "
        f"[{interval.low:.2f}, {interval.high:.2f}].",
        about=about,
    )


@check("V12", "gain over shuffled features", "images")
def gain_over_shuffled(correlations: Mapping[str, ArrayLike], about: str = "") -> Check:
    """Pixel correlation minus that of reconstructions of other images.

    Parameters
    ----------
    correlations : "reconstruction" and, if there are other images, "shuffled_features" -> (n,)
        pixel correlations with the originals
    """
    if "shuffled_features" not in correlations:
        return not_run("There is no other image whose features could be used.", about)
    own, other = correlations["reconstruction"], correlations["shuffled_features"]
    return _gain(own, other, "reconstructions of other images", about, strict=True)


@check("V15", "gain over the nearest training image", "images")
def gain_over_nearest(correlations: Mapping[str, ArrayLike], about: str = "") -> Check:
    """Pixel correlation minus that of the training image nearest in decoded features.

    Parameters
    ----------
    correlations : "reconstruction", "nearest_training" -> (n,) pixel correlations
    """
    own, other = correlations["reconstruction"], correlations["nearest_training"]
    return _gain(own, other, "the training image nearest in decoded features", about, strict=False)


@check("V13", "pictures that ignore the brain", "images")
def ignores_brain(
    true: Images, recon: Images, baselines: Mapping[str, Images], about: str = ""
) -> list[Check]:
    """Whether reconstructions differ from each other, and from an image made without brain data.

    Parameters
    ----------
    true, recon : (n, H, W, 3), 0-255
    baselines : name -> (n, H, W, 3); for random starts, `prior_only` is that of the first image
    """
    names = ("prior_only", "mean_features")
    priors = {name: baselines[name] for name in names if name in baselines}
    return [variety(true, recon, about), beyond_prior(true, recon, priors, about)]


def variety(true: Images, recon: Images, about: str = "") -> Check:
    """Whether reconstructions differ from image to image.

    A generator that ignores its input scores well if all originals resemble each other.
    """
    if len(true) < 2:
        return not_run("There is only one image.", about)
    sd = [np.sqrt(part.var(axis=0, dtype=np.float64).mean()) for part in (true, recon)]
    if not sd[0]:
        return not_run("The originals do not differ.", about)
    share = float(sd[1] / sd[0])
    return graded(
        share,
        fail=not share >= VARIETY_FAIL,
        warn=share < VARIETY_WARN,
        threshold=f"at least {VARIETY_WARN}",
        sentence=f"Reconstructions vary by {share:.0%} of what the originals vary.",
        about=about,
    )


def _distance(images: Images, from_images: Images) -> NDArray[np.float64]:
    """Root mean square difference of pixel values, (n,), of images (n, H, W, 3)."""
    difference = images.astype(np.float64) - from_images
    distance: NDArray[np.float64] = np.sqrt((difference**2).mean(axis=(1, 2, 3)))
    return distance


def beyond_prior(
    true: Images, recon: Images, priors: Mapping[str, Images], about: str = ""
) -> Check:
    """Distance of reconstructions from the method's images without brain data.

    The value is the median over images of the distance between reconstruction and prior, relative
    to that between original and prior. Distances are in pixels, so that they are also defined for
    a prior without contrast. The nearest of several priors counts.

    Parameters
    ----------
    true, recon : (n, H, W, 3), 0-255
    priors : name -> (n, H, W, 3), such as the image from which the search starts and the
        reconstruction from mean features
    """
    shares = {}
    for name, prior in priors.items():
        far, moved = _distance(true, prior), _distance(recon, prior)
        if (far > 0).any():
            shares[name] = float(np.median(moved[far > 0] / far[far > 0]))
    if not shares:
        return not_run("There is no prior image from which the originals differ.", about)
    nearest = min(shares, key=lambda name: shares[name])
    share = shares[nearest]
    return graded(
        share,
        fail=share < PRIOR_FAIL,
        warn=share < PRIOR_WARN,
        threshold=f"at least {PRIOR_WARN} from the prior",
        sentence="The median distance (in pixels) of reconstructions from the image "
        f"{nearest.replace('_', ' ')} is {share:.0%} of that of their originals.",
        about=about,
    )


def stability(values: NDArray, about: str = "") -> Check:
    """Variation of an image's score over seeds, compared with the variation over images.

    Parameters
    ----------
    values : (n_seeds, n_images) scores
    """
    if len(values) < 2 or values.shape[1] < 2:
        return not_run("There is only one seed: give the method `seeds`.", about)
    over_seeds = float(np.sqrt(np.nanmean(np.nanvar(values, axis=0, ddof=1))))
    over_images = float(np.nanstd(np.nanmean(values, axis=0), ddof=1))
    few = len(values) < MINIMUM_SEEDS
    return graded(
        over_seeds,
        fail=not over_seeds < over_images,
        warn=few,
        threshold=f"below the SD over images, {over_images:.3f}",
        sentence=f"The pixel correlation of an image varies by {over_seeds:.3f} (SD) over "
        f"{len(values)} seeds, and by {over_images:.3f} over images"
        + (f"; {MINIMUM_SEEDS} seeds or more would be better." if few else "."),
        about=about,
    )


@check("V23", "sanity of the scores", "images", keys=("set",))
def sanity(true: Images, seed: int = 0, about: str = "") -> Check:
    """Whether originals score perfectly against themselves and at chance when shuffled.

    The sentence also counts pairs of equal originals, which no score can distinguish.
    """
    order = derangement(len(true), seed)
    if order is None:
        return not_run("There is only one image.", about)
    similarity = similarity_matrix(true, true)
    equal = int((np.triu(similarity, 1) == 1).sum())
    undefined = int(np.isnan(np.diagonal(similarity)).sum())
    own = [pixel_correlation(true, true), ssim_grey(true, true)]
    usable = ~np.isnan(own[0])
    perfect = all(bool(np.allclose(values[usable], 1, atol=1e-6)) for values in own)
    null = permutation_test(similarity, 199, seed)
    shuffled = float(np.nanmean(two_way_identification(similarity[:, order])))
    off = abs(shuffled - null.null_mean) / null.null_sd if null.null_sd else 0.0
    return graded(
        shuffled,
        fail=not perfect or off > SANE_SD,
        warn=bool(equal or undefined),
        threshold=f"chance within {SANE_SD:.0f} SD; itself 1",
        sentence=f"{len(true)} originals: compared with themselves, "
        f"{'all scores are 1' if perfect else 'scores are not 1'}; shuffled, {shuffled:.2f} of "
        f"pairs are identified; {equal} pairs of equal originals and {undefined} blank originals.",
        about=about,
    )


@check("V24", "colour alone", "images")
def colour_alone(pixel_accuracy: float, colour_accuracy: float, about: str = "") -> Check:
    """Two-way identification (share of pairs) by all pixels, and by the mean colour alone."""
    pixels, colour = pixel_accuracy, colour_accuracy
    if math.isnan(pixels) or math.isnan(colour):
        return not_run("Identification is undefined.", about)
    return graded(
        colour,
        fail=colour > 0.5 and colour >= pixels + COLOUR_MARGIN,
        warn=colour > 0.5 and colour >= pixels - COLOUR_MARGIN,
        threshold=f"below {pixels - COLOUR_MARGIN:.2f}",
        sentence=f"The mean colour identifies {colour:.2f} of pairs, all pixels {pixels:.2f}.",
        about=about,
    )


@check("V25", "scored images are shown images", "images")
def scored_is_shown(recon: Images, shown: Sequence[Images], about: str = "") -> Check:
    """Whether the scored images are those in the PNG files.

    Papers have scored a blend of two outputs but shown only one of them.

    Parameters
    ----------
    recon : (n, H, W, 3), as scored
    shown : n images, as read from the files

    Raises
    ------
    InputError
        If there are not n images in files.
    """
    if len(recon) != len(shown):
        raise InputError(f"{len(shown)} images are shown, but {len(recon)} were scored")
    differ = [
        i
        for i, (a, b) in enumerate(zip(recon, shown, strict=True))
        if a.shape != b.shape or not np.array_equal(a, b)
    ]
    return graded(
        len(differ),
        fail=bool(differ),
        threshold="0",
        sentence=f"{len(differ)} of {len(recon)} images in files differ from those scored.",
        about=about,
    )
