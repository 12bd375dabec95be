"""Checks of stimuli: do test images, or what they are made of, come back from training."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from deeprecon.data.ds001506 import IMAGINED
from deeprecon.stats.correlation import similarity_matrix
from deeprecon.validity.result import Check, graded, not_run

Array = NDArray[np.floating]

HASH_BITS = 4  # of 64: copies that were scaled or compressed differ by fewer
SAME_PICTURE = 0.95  # pixel correlation; flat pictures have like hashes without being copies
# Of test images 5 % are expected beyond the 95 % quantile of training; chance makes it 15 % in
# small sets.
NEAR_WARN, NEAR_FAIL = 0.2, 0.5
INSIDE_WARN = 0.75  # half, if test images are drawn as training images are
QUANTILE = 0.95
N_COMPONENTS, N_CLUSTERS = 20, 10
CORE, CENTRE = 0.5, 0.05  # quantiles of a cluster's distances from its centre
N_CLUSTERINGS = 10
_HASH_SIDE = 8


def difference_hash(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Is each pixel of a 9 x 8 picture brighter than its right neighbour: (n, 64) bits.

    The perceptual hash dHash (N. Krawetz, 2013); copies differ by a few bits.
    """
    small = [
        np.asarray(Image.fromarray(image).convert("L").resize((_HASH_SIDE + 1, _HASH_SIDE)))
        for image in images
    ]
    grey = np.array(small, dtype=int)
    return (grey[:, :, :-1] > grey[:, :, 1:]).reshape(len(images), -1)


def image_overlap(
    test: NDArray[np.uint8],
    training: NDArray[np.uint8],
    test_sha256: Sequence[str],
    training_sha256: Sequence[str],
    about: str = "",
) -> Check:
    """V01: test images that were trained with, by file or by look.

    Parameters
    ----------
    test, training : (n, H, W, 3) and (m, H, W, 3), 0-255
    test_sha256, training_sha256 : of their files
    """
    if not len(test) or not len(training):
        return not_run("V01", "No test images, or no training images.", about)
    known = set(training_sha256)
    same_file = np.array([name in known for name in test_sha256])
    bits = (difference_hash(test)[:, None] != difference_hash(training)[None]).sum(axis=2)
    correlated = np.nan_to_num(similarity_matrix(test, training)) > SAME_PICTURE
    alike = ((bits <= HASH_BITS) & correlated).any(axis=1)
    n = int((same_file | alike).sum())
    return graded(
        "V01",
        n,
        fail=n > 0,
        threshold="0",
        sentence=f"{n} of {len(test)} test images are training images, as files or to the eye.",
        about=about,
    )


def category_overlap(test: Sequence[str], training: Sequence[str], about: str = "") -> Check:
    """V02: categories that occur in training and test; "" is none."""
    test_known, train_known = (set(names) - {""} for names in (test, training))
    if not test_known or not train_known:
        return not_run("V02", "The stimulus tables name no categories.", about)
    both = sorted(test_known & train_known)
    return graded(
        "V02",
        len(both),
        fail=bool(both),
        threshold="0",
        sentence=f"{len(both)} of {len(test_known)} test categories are training categories"
        + (f", such as {both[0]}." if both else "."),
        about=about,
    )


def _standardised(test: Array, training: Array) -> tuple[Array, Array]:
    """Units in units of the training images; those that never change are left out."""
    mean, sd = training.mean(axis=0), training.std(axis=0)
    used = sd > 0
    return (test[:, used] - mean[used]) / sd[used], (training[:, used] - mean[used]) / sd[used]


def nearest_in_features(
    test: Mapping[str, Array], training: Mapping[str, Array], about: str = ""
) -> Check:
    """V04: share of test images nearer to a training image than training images are to another.

    Nearer than the 95 % quantile of similarities to the nearest other training image; of the
    layer in which it is most.

    Parameters
    ----------
    test, training : layer -> (n, n_units) and (m, n_units)
    """
    share = {}
    for layer, values in test.items():
        a, b = _standardised(values, training[layer])
        if min(len(a), len(b)) < 2 or not b.shape[1]:
            continue
        among = similarity_matrix(b, b)
        np.fill_diagonal(among, -np.inf)
        limit = np.quantile(np.nan_to_num(among.max(axis=1), nan=-1), QUANTILE)
        nearest = np.nan_to_num(similarity_matrix(b, a), nan=-1).max(axis=0)
        share[layer] = float((nearest > limit).mean())
    if not share:
        return not_run("V04", "Fewer than two images, or none that differ.", about)
    worst = max(share, key=lambda layer: share[layer])
    value = share[worst]
    return graded(
        "V04",
        value,
        fail=value > NEAR_FAIL,
        warn=value > NEAR_WARN,
        threshold=f"at most {NEAR_WARN}",
        sentence=f"{value:.0%} of test images are nearer to a training image, in layer {worst}, "
        f"than {QUANTILE:.0%} of training images are to another; 5 % are expected.",
        about=about,
    )


def inside_clusters(test: Array, training: Array, seed: int = 0, about: str = "") -> Check:
    """V05: share of test images inside clusters of the training images.

    Ten clusters (k-means) in 20 principal components; inside: no farther from a centre than half
    of that cluster's training images. Averaged over ten clusterings, which differ.

    Parameters
    ----------
    test, training : (n, n_units) and (m, n_units) of a layer near the output
    """
    if len(training) < 5 * N_CLUSTERS or len(test) < 2:
        few = f"{len(training)} training images and {len(test)} test images are too few."
        return not_run("V05", few, about)
    a, b = _standardised(test, training)
    if not b.shape[1] or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return not_run("V05", "Features do not differ, or are not finite.", about)
    components = PCA(min(N_COMPONENTS, *b.shape), random_state=seed).fit(b)
    a, b = components.transform(a), components.transform(b)
    found = [_shares_inside(a, b, seed + k) for k in range(N_CLUSTERINGS)]
    share, centre = np.mean(found, axis=0)
    return graded(
        "V05",
        share,
        fail=centre > 1 - CORE,
        warn=share > INSIDE_WARN,
        threshold=f"at most {INSIDE_WARN}",
        sentence=f"{share:.0%} of test images lie in the core of a cluster of training images, "
        f"where half of these lie, {centre:.0%} at its centre, where 5 % do: for them, naming the "
        "cluster is enough to come near.",
        about=about,
    )


def _shares_inside(test: Array, training: Array, seed: int) -> tuple[float, float]:
    """Share of test images in the cores of clusters, and at their centres."""
    clusters = KMeans(N_CLUSTERS, n_init=1, random_state=seed).fit(training)
    own, distance = clusters.transform(training), clusters.transform(test)
    shares = []
    for quantile in (CORE, CENTRE):
        limits = [np.quantile(own[clusters.labels_ == k, k], quantile) for k in range(N_CLUSTERS)]
        shares.append(float((distance <= limits).any(axis=1).mean()))
    return shares[0], shares[1]


def imagery_labels(stimulus_id: Sequence[str], about: str = "") -> Check:
    """V22: imagery is labelled by its number or by the list of what was imagined.

    category_id and category_name of the imagery events of ds001506 name another list, see
    `deeprecon.data.ds001506`.
    """
    if not len(stimulus_id):
        return not_run("V22", "No imagery.", about)
    known = {str(index) for index in IMAGINED} | set(IMAGINED.values())
    wrong = [name for name in stimulus_id if name not in known]
    return graded(
        "V22",
        len(wrong),
        fail=bool(wrong),
        threshold="0",
        sentence=f"{len(wrong)} of {len(stimulus_id)} imagery labels are neither a number nor in "
        "the list of imagined pictures" + (f", such as {wrong[0]!r}." if wrong else "."),
        about=about,
    )
