import io

import numpy as np
import pytest
from PIL import Image

from deeprecon.data.ds001506 import IMAGINED
from deeprecon.validity.stimuli import (
    category_overlap,
    difference_hash,
    image_overlap,
    imagery_labels,
    inside_clusters,
    nearest_in_features,
)


def pictures(n: int, seed: int, size: int = 32) -> np.ndarray:
    """Smooth random pictures, (n, size, size, 3) uint8."""
    coarse = np.random.default_rng(seed).integers(0, 256, (n, 4, 4, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(one).resize((size, size))) for one in coarse])


def compressed(image: np.ndarray) -> np.ndarray:
    """The image as a JPEG file gives it back."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=70)
    return np.asarray(Image.open(file))


def names(n: int, what: str) -> list[str]:
    return [f"{what} {i}" for i in range(n)]


def overlap(test: np.ndarray, training: np.ndarray, test_names: list[str] | None = None):
    known = names(len(training), "training")
    return image_overlap(test, training, test_names or names(len(test), "test"), known, "natural")


def test_a_difference_hash_says_where_a_picture_darkens_to_the_right():
    darker = np.linspace(255, 0, 72)[None, :, None].repeat(64, 0).repeat(3, 2).astype(np.uint8)
    assert difference_hash(np.stack([darker, darker[:, ::-1]])).mean(axis=1).tolist() == [1, 0]


def test_v01_other_pictures_pass():
    check = overlap(pictures(10, 1), pictures(40, 2))
    assert (check.id, check.status, check.value, check.about) == ("V01", "PASS", 0, "natural")


def test_v01_finds_a_training_file_of_the_same_hash():
    check = overlap(pictures(3, 1), pictures(5, 2), ["a", "training 4", "b"])
    assert (check.status, check.value) == ("FAIL", 1)
    assert "1 of 3" in check.sentence


@pytest.mark.parametrize("change", [compressed, lambda x: (x * 0.8).astype(np.uint8)])
def test_v01_finds_a_copy_that_was_compressed_or_darkened(change):
    test, training = pictures(4, 1), pictures(9, 2)
    test[2] = change(training[5])
    assert (test[2] != training[5]).any()
    check = overlap(test, training)
    assert (check.status, check.value) == ("FAIL", 1)


def test_v01_does_not_take_like_hashes_of_flat_pictures_for_copies():
    flat = np.full((2, 16, 16, 3), 128, np.uint8)
    flat[0, 2:5, 2:5], flat[1, 10:13, 9:14] = 130, 126
    hashes = difference_hash(flat)
    assert (hashes[0] != hashes[1]).sum() <= 8
    assert overlap(flat[:1], flat[1:]).status == "PASS"


def test_v02_counts_categories_of_both_sets():
    assert category_overlap(["a", "b", ""], ["c", "d", ""]).status == "PASS"
    check = category_overlap(["a", "b", "c", ""], ["c", "b", "d", "", "b"])
    assert (check.id, check.status, check.value) == ("V02", "FAIL", 2)
    assert "2 of 3" in check.sentence


@pytest.mark.parametrize("known", [([], ["a"]), (["", ""], ["a"]), (["a"], ["", ""])])
def test_v02_needs_categories_of_both_sets(known):
    assert category_overlap(*known).status == "NOT RUN"


def gaussian(n: int, seed: int, n_units: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, n_units)).astype(np.float32)


def test_v04_test_images_drawn_as_training_images_pass():
    training = {"conv": gaussian(200, 0), "fc": gaussian(200, 1)}
    test = {"conv": gaussian(100, 2), "fc": gaussian(100, 3)}
    check = nearest_in_features(test, training, "natural")
    assert (check.id, check.status, check.about) == ("V04", "PASS", "natural")
    assert check.value == pytest.approx(0.05, abs=0.06)


@pytest.mark.parametrize(("copies", "status"), [(10, "WARN"), (30, "FAIL")])
def test_v04_counts_near_copies_in_the_worst_layer(copies, status):
    training = {"conv": gaussian(200, 0), "fc": gaussian(200, 1)}
    test = {"conv": gaussian(40, 2), "fc": gaussian(40, 3)}
    test["fc"][:copies] = training["fc"][:copies] + 0.1 * gaussian(copies, 4)
    check = nearest_in_features(test, training)
    assert check.status == status
    assert copies / 40 <= check.value <= copies / 40 + 0.1
    assert "layer fc" in check.sentence


def test_v04_is_not_moved_by_the_scale_of_units_nor_by_units_that_never_change():
    training, test = gaussian(60, 0), gaussian(20, 1)
    scale = np.geomspace(1e-3, 1e3, 40)
    dead = [np.full((n, 3), 7.0) for n in (20, 60)]
    plain = nearest_in_features({"fc": test}, {"fc": training})
    scaled = nearest_in_features(
        {"fc": np.hstack([test * scale + 5, dead[0]])},
        {"fc": np.hstack([training * scale + 5, dead[1]])},
    )
    assert scaled.value == plain.value


def test_v04_needs_two_images_of_each_set():
    many, one = {"fc": gaussian(9, 0)}, {"fc": gaussian(1, 1)}
    assert nearest_in_features(one, many).status == "NOT RUN"
    assert nearest_in_features(many, one).status == "NOT RUN"


def clustered(n: int, seed: int, spread: float) -> np.ndarray:
    """Features around ten fixed centres."""
    centres = 5 * gaussian(10, 99)
    return centres[np.arange(n) % 10] + spread * gaussian(n, seed)


def test_v05_finds_test_images_at_the_centres_of_training_clusters_and_in_their_cores():
    training = clustered(300, 0, 1.0)
    inside, outside = clustered(40, 1, 0.2), 5 * gaussian(40, 2)
    check = inside_clusters(inside, training, about="natural")
    assert (check.id, check.status, check.about) == ("V05", "FAIL", "natural")
    assert check.value > 0.95
    assert inside_clusters(clustered(40, 1, 0.85), training).status == "WARN"
    check = inside_clusters(outside, training)
    assert (check.status, check.value) == ("PASS", 0)


def test_v05_half_are_inside_if_test_images_are_drawn_as_training_images():
    check = inside_clusters(clustered(200, 1, 1.0), clustered(1000, 0, 1.0))
    assert check.status == "PASS"
    assert check.value == pytest.approx(0.5, abs=0.12)


def test_v05_needs_images():
    assert inside_clusters(gaussian(20, 0), gaussian(49, 1)).status == "NOT RUN"
    assert inside_clusters(gaussian(0, 0), gaussian(60, 1)).status == "NOT RUN"


@pytest.mark.parametrize("labels", [list(IMAGINED.values()), [str(i) for i in range(1, 27)]])
def test_v22_the_list_and_bare_numbers_pass(labels):
    check = imagery_labels(labels, "imagery")
    assert (check.id, check.status, check.value, check.about) == ("V22", "PASS", 0, "imagery")


def test_v22_finds_names_of_the_other_list():
    # n01621127 is a natural test category that nobody imagined; 27 is past the end of the list.
    check = imagery_labels(["red_X", "n01621127_19020", "27", "3"])
    assert (check.status, check.value) == ("FAIL", 2)
    assert "n01621127_19020" in check.sentence
