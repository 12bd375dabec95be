"""Checks of stimuli: overlap of test and training images, categories and clusters."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from deeprecon.data.ds001506 import IMAGINED
from deeprecon.stats.correlation import similarity_matrix
from deeprecon.validity.registry import check
from deeprecon.validity.result import Check, graded, not_run

Array = NDArray[np.floating]

HASH_BITS = 4  # of 64; scaled or compressed copies differ by fewer
SAME_IMAGE = 0.95  # pixel correlation; uniform images have similar hashes without being copies
# 5 % of test images are expected beyond the 95 % quantile of training images; in small sets, it
# can be 15 % by chance.
NEAR_WARN, NEAR_FAIL = 0.2, 0.5
INSIDE_WARN = 0.75  # 0.5 is expected if test and training images come from one distribution
QUANTILE = 0.95
N_COMPONENTS, N_CLUSTERS = 20, 10
CORE, CENTRE = 0.5, 0.05  # quantiles of a cluster's distances from its centre
N_CLUSTERINGS = 10
_HASH_SIDE = 8


def difference_hash(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The perceptual hash dHash (N. Krawetz, 2013) of images (n, H, W, 3): (n, 64) bits.

    Each bit says whether a pixel of the image, reduced to 9 x 8 pixels, is brighter than its right
    neighbour. Copies differ by a few bits.
    """
    small = [
        np.asarray(Image.fromarray(image).convert("L").resize((_HASH_SIDE + 1, _HASH_SIDE)))
        for image in images
    ]
    grey = np.array(small, dtype=int)
    return (grey[:, :, :-1] > grey[:, :, 1:]).reshape(len(images), -1)


@check("V01", "training images among the test images", "stimuli")
def image_overlap(
    images: NDArray[np.uint8],
    training_images: NDArray[np.uint8],
    sha256: Sequence[str],
    training_sha256: Sequence[str],
    about: str = "",
) -> Check:
    """Whether a test image is also a training image, by file or by similarity.

    Parameters
    ----------
    images, training_images : (n, H, W, 3) and (m, H, W, 3), 0-255
    sha256, training_sha256 : digests of their files
    """
    if not len(images) or not len(training_images):
        return not_run("No test images, or no training images.", about)
    known = set(training_sha256)
    same_file = np.array([name in known for name in sha256])
    hashes = difference_hash(images)[:, None], difference_hash(training_images)[None]
    bits = (hashes[0] != hashes[1]).sum(axis=2)
    correlated = np.nan_to_num(similarity_matrix(images, training_images)) > SAME_IMAGE
    alike = ((bits <= HASH_BITS) & correlated).any(axis=1)
    n = int((same_file | alike).sum())
    return graded(
        n,
        fail=n > 0,
        threshold="0",
        sentence=f"{n} of {len(images)} test images are training images, by file or similarity.",
        about=about,
    )


@check("V02", "training categories among the test categories", "stimuli")
def category_overlap(
    categories: Sequence[str], training_categories: Sequence[str], about: str = ""
) -> Check:
    """Whether a category occurs in both test and training; "" stands for no category."""
    test_known, train_known = (set(names) - {""} for names in (categories, training_categories))
    if not test_known or not train_known:
        return not_run("The stimulus tables name no categories.", about)
    both = sorted(test_known & train_known)
    return graded(
        len(both),
        fail=bool(both),
        threshold="0",
        sentence=f"{len(both)} of {len(test_known)} test categories are training categories"
        + (f", such as {both[0]}." if both else "."),
        about=about,
    )


def _standardised(test: Array, training: Array) -> tuple[Array, Array]:
    """Standardise features by the training images, without constant units."""
    mean, sd = training.mean(axis=0), training.std(axis=0)
    used = sd > 0
    return (test[:, used] - mean[used]) / sd[used], (training[:, used] - mean[used]) / sd[used]


@check("V04", "nearness of test to training images", "stimuli")
def nearest_in_features(
    features: Mapping[str, Array], training_features: Mapping[str, Array], about: str = ""
) -> Check:
    """Share of test images that are nearer to a training image than training images are.

    The limit is the 95 % quantile of the similarity between a training image and its nearest other
    training image. The layer with the largest share counts.

    Parameters
    ----------
    features, training_features : layer -> (n, n_units) and (m, n_units)
    """
    share = {}
    for layer, values in features.items():
        a, b = _standardised(values, training_features[layer])
        if min(len(a), len(b)) < 2 or not b.shape[1]:
            continue
        among = similarity_matrix(b, b)
        np.fill_diagonal(among, -np.inf)
        limit = np.quantile(np.nan_to_num(among.max(axis=1), nan=-1), QUANTILE)
        nearest = np.nan_to_num(similarity_matrix(b, a), nan=-1).max(axis=0)
        share[layer] = float((nearest > limit).mean())
    if not share:
        return not_run("Fewer than two images, or none that differ.", about)
    worst = max(share, key=lambda layer: share[layer])
    value = share[worst]
    return graded(
        value,
        fail=value > NEAR_FAIL,
        warn=value > NEAR_WARN,
        threshold=f"at most {NEAR_WARN}",
        sentence=f"In layer {worst}, {value:.0%} of test images are nearer to a training image "
        f"than {QUANTILE:.0%} of training images are to each other; 5 % are expected.",
        about=about,
    )


@check("V05", "test images inside training clusters", "stimuli")
def inside_clusters(
    last_layer: Array, training_last_layer: Array, seed: int = 0, about: str = ""
) -> Check:
    """Share of test images inside clusters of the training images.

    There are ten clusters (k-means) in 20 principal components. An image is inside a cluster if it
    is no farther from the centre than half of the cluster's training images. The share is averaged
    over ten clusterings, which differ.

    Parameters
    ----------
    last_layer, training_last_layer : (n, n_units) and (m, n_units), a layer near the output
    seed : seed of the clusterings
    """
    test, training = last_layer, training_last_layer
    if len(training) < 5 * N_CLUSTERS or len(test) < 2:
        few = f"{len(training)} training images and {len(test)} test images are too few."
        return not_run(few, about)
    a, b = _standardised(test, training)
    if not b.shape[1] or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return not_run("Features do not differ, or are not finite.", about)
    components = PCA(min(N_COMPONENTS, *b.shape), random_state=seed).fit(b)
    a, b = components.transform(a), components.transform(b)
    found = [_shares_inside(a, b, seed + k) for k in range(N_CLUSTERINGS)]
    share, centre = np.mean(found, axis=0)
    return graded(
        share,
        fail=centre > 1 - CORE,
        warn=share > INSIDE_WARN,
        threshold=f"at most {INSIDE_WARN}",
        sentence=f"{share:.0%} of test images lie in the core of a cluster of training images "
        f"(which holds half of these), {centre:.0%} at its centre (which holds 5 %): for them, "
        "knowing the cluster is almost enough.",
        about=about,
    )


def _shares_inside(test: Array, training: Array, seed: int) -> tuple[float, float]:
    """Shares of test images in the cores of clusters and at their centres."""
    clusters = KMeans(N_CLUSTERS, n_init=1, random_state=seed).fit(training)
    own, distance = clusters.transform(training), clusters.transform(test)
    shares = []
    for quantile in (CORE, CENTRE):
        limits = [np.quantile(own[clusters.labels_ == k, k], quantile) for k in range(N_CLUSTERS)]
        shares.append(float((distance <= limits).any(axis=1).mean()))
    return shares[0], shares[1]


@check("V22", "labels of imagery", "stimuli")
def imagery_labels(imagery_id: Sequence[str], about: str = "") -> Check:
    """Whether imagery is labelled by a number or by an entry of the list of imagined images.

    The columns category_id and category_name of the imagery events of ds001506 refer to another
    list, see `deeprecon.data.ds001506`.

    Parameters
    ----------
    imagery_id : stimulus_id of each imagined image
    """
    if not len(imagery_id):
        return not_run("No imagery.", about)
    known = {str(index) for index in IMAGINED} | set(IMAGINED.values())
    wrong = [name for name in imagery_id if name not in known]
    return graded(
        len(wrong),
        fail=bool(wrong),
        threshold="0",
        sentence=f"{len(wrong)} of {len(imagery_id)} imagery labels are neither a number nor in "
        "the list of imagined images" + (f", such as {wrong[0]!r}." if wrong else "."),
        about=about,
    )
