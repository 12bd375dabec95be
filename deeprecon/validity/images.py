"""Checks of reconstructed images: is it the brain that they show, and are they what was scored."""

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
from deeprecon.validity.result import Check, graded, not_run

Images = NDArray[np.uint8]

RECOVERY_WARN, RECOVERY_FAIL = 0.95, 0.8  # of pairs; below, decoding is not what limits
VARIETY_WARN, VARIETY_FAIL = 0.15, 0.03  # of the originals' SD between images
# Of the originals' distance from the prior. Photographs are some 60 of 255 grey levels from grey: a
# tenth of that is hardly seen. Decoders of permuted labels still move pictures by .8 of it, so that
# passing says no more than that the search has left the prior.
PRIOR_WARN, PRIOR_FAIL = 0.3, 0.1
COLOUR_MARGIN = 0.02  # of pairs
SANE_SD = 4.0  # of the permutation null
FEWEST_SEEDS = 5


def recovery(accuracy: float, about: str = "") -> Check:
    """V11: two-way identification, in pixels, of reconstructions from true features."""
    if math.isnan(accuracy):
        return not_run("V11", "Identification from true features is not defined.", about)
    return graded(
        "V11",
        accuracy,
        fail=accuracy < RECOVERY_FAIL,
        warn=accuracy < RECOVERY_WARN,
        threshold=f"at least {RECOVERY_WARN}",
        sentence=f"From true features {accuracy:.2f} of pairs are identified: "
        + (
            "the search finds the image."
            if accuracy >= RECOVERY_WARN
            else "network, layers or search limit the pictures, not the brain alone."
        ),
        about=about,
    )


def _gain(check: str, own: ArrayLike, other: ArrayLike, name: str, about: str) -> Check:
    """Paired gain in a score over a baseline; fails unless its interval lies above zero."""
    a, b = np.asarray(own, np.float64), np.asarray(other, np.float64)
    if a.shape != b.shape:
        raise InputError(f"scores of shapes {a.shape} and {b.shape}, expected one for each image")
    difference = (a - b)[~np.isnan(a - b)]
    if len(difference) < 2:
        return not_run(check, f"{len(difference)} images with a score of both.", about)
    interval = bootstrap_ci(difference, 5000)
    return graded(
        check,
        interval.estimate,
        fail=interval.high <= 0 or (check == "V12" and interval.low <= 0),
        warn=interval.low <= 0,
        threshold="above 0",
        sentence=f"Pixel correlation is {interval.estimate:+.2f} [{interval.low:.2f}, "
        f"{interval.high:.2f}] over that of {name}.",
        about=about,
    )


def gain_over_shuffled(own: ArrayLike, shuffled: ArrayLike, about: str = "") -> Check:
    """V12: pixel correlation, less that of reconstructions of other images: (n,) each."""
    return _gain("V12", own, shuffled, "reconstructions of other images", about)


def gain_over_nearest(own: ArrayLike, nearest: ArrayLike, about: str = "") -> Check:
    """V15: pixel correlation, less that of the nearest training image: (n,) each."""
    return _gain("V15", own, nearest, "the training image nearest in decoded features", about)


def variety(true: Images, recon: Images, about: str = "") -> Check:
    """V13: do reconstructions differ from image to image, or is it always one picture.

    A generator that ignores what it is given scores well where all images are alike.
    """
    if len(true) < 2:
        return not_run("V13", "One image only.", about)
    sd = [np.sqrt(part.var(axis=0, dtype=np.float64).mean()) for part in (true, recon)]
    if not sd[0]:
        return not_run("V13", "The originals do not differ.", about)
    share = float(sd[1] / sd[0])
    return graded(
        "V13",
        share,
        fail=not share >= VARIETY_FAIL,
        warn=share < VARIETY_WARN,
        threshold=f"at least {VARIETY_WARN}",
        sentence=f"Reconstructions differ from each other by {share:.0%} of what the originals do.",
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
    """V13: how far pictures are from what the method shows without any brain.

    In pixels, so that it is defined of a prior without contrast too; the median over images of the
    distance of a picture, in units of that of its original. Of several priors the nearest counts.

    Parameters
    ----------
    true, recon : (n, H, W, 3), 0-255
    priors : what it is -> (n, H, W, 3), such as the picture that the search starts from and the
        reconstruction from mean features
    """
    shares = {}
    for name, prior in priors.items():
        far, moved = _distance(true, prior), _distance(recon, prior)
        if (far > 0).any():
            shares[name] = float(np.median(moved[far > 0] / far[far > 0]))
    if not shares:
        return not_run("V13", "No picture of the prior alone from which originals differ.", about)
    nearest = min(shares, key=lambda name: shares[name])
    share = shares[nearest]
    return graded(
        "V13",
        share,
        fail=share < PRIOR_FAIL,
        warn=share < PRIOR_WARN,
        threshold=f"at least {PRIOR_WARN} from the prior",
        sentence=f"Half of the reconstructions differ from the picture {nearest.replace('_', ' ')} "
        f"by {share:.0%} or less of what their originals do, in pixels.",
        about=about,
    )


def stability(values: NDArray, about: str = "") -> Check:
    """V20: how much an image's score changes with the seed, against how images differ.

    Parameters
    ----------
    values : (n_seeds, n_images)
    """
    if len(values) < 2 or values.shape[1] < 2:
        return not_run("V20", "One seed only: give the method `seeds`.", about)
    over_seeds = float(np.sqrt(np.nanmean(np.nanvar(values, axis=0, ddof=1))))
    over_images = float(np.nanstd(np.nanmean(values, axis=0), ddof=1))
    few = len(values) < FEWEST_SEEDS
    return graded(
        "V20",
        over_seeds,
        fail=not over_seeds < over_images,
        warn=few,
        threshold=f"below the SD over images, {over_images:.3f}",
        sentence=f"An image's pixel correlation varies by {over_seeds:.3f} (SD) over {len(values)} "
        f"seeds, from image to image by {over_images:.3f}"
        + (f"; {FEWEST_SEEDS} seeds or more would be better." if few else "."),
        about=about,
    )


def sanity(true: Images, seed: int = 0, about: str = "") -> Check:
    """V23: scores of the originals against themselves are perfect, and shuffled at chance.

    The sentence also counts pairs of equal originals, which no score can tell apart.
    """
    if len(true) < 2:
        return not_run("V23", "One image only.", about)
    similarity = similarity_matrix(true, true)
    equal = int((np.triu(similarity, 1) == 1).sum())
    undefined = int(np.isnan(np.diagonal(similarity)).sum())
    own = [pixel_correlation(true, true), ssim_grey(true, true)]
    usable = ~np.isnan(own[0])
    perfect = all(bool(np.allclose(values[usable], 1, atol=1e-6)) for values in own)
    order = derangement(len(true), seed)
    if order is None:
        return not_run("V23", "Images of one group are most of the set.", about)
    null = permutation_test(similarity, 199, seed)
    shuffled = float(np.nanmean(two_way_identification(similarity[:, order])))
    off = abs(shuffled - null.null_mean) / null.null_sd if null.null_sd else 0.0
    return graded(
        "V23",
        shuffled,
        fail=not perfect or off > SANE_SD,
        warn=bool(equal or undefined),
        threshold=f"chance within {SANE_SD:.0f} SD; itself 1",
        sentence=f"{len(true)} originals: against themselves "
        f"{'all scores are 1' if perfect else 'scores are not 1'}, shuffled {shuffled:.2f} of "
        f"pairs; {equal} pairs of equal and {undefined} blank originals.",
        about=about,
    )


def colour_alone(pixels: float, colour: float, about: str = "") -> Check:
    """V24: two-way identification in pixels, and by the mean colour alone."""
    if math.isnan(pixels) or math.isnan(colour):
        return not_run("V24", "Identification is not defined.", about)
    return graded(
        "V24",
        colour,
        fail=colour > 0.5 and colour >= pixels + COLOUR_MARGIN,
        warn=colour > 0.5 and colour >= pixels - COLOUR_MARGIN,
        threshold=f"below {pixels - COLOUR_MARGIN:.2f}",
        sentence=f"One mean colour identifies {colour:.2f} of pairs, all pixels {pixels:.2f}.",
        about=about,
    )


def scored_is_shown(scored: Images, shown: Sequence[Images], about: str = "") -> Check:
    """V25: arrays that were scored, and the pictures in the files that people see.

    Papers have scored a blend of two outputs and shown one of them.
    """
    if len(scored) != len(shown):
        raise InputError(f"{len(shown)} pictures are shown, expected {len(scored)} as were scored")
    differ = [
        i
        for i, (a, b) in enumerate(zip(scored, shown, strict=True))
        if a.shape != b.shape or not np.array_equal(a, b)
    ]
    return graded(
        "V25",
        len(differ),
        fail=bool(differ),
        threshold="0",
        sentence=f"{len(differ)} of {len(scored)} pictures differ from what was scored.",
        about=about,
    )
