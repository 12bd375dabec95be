import numpy as np
import pandas as pd
import pytest
from PIL import Image

from deeprecon.data import stimuli
from deeprecon.data.photos import TEST_PHOTOS, TRAINING_PHOTOS, load_square, photo_path
from deeprecon.data.simulate import images as drawn
from deeprecon.errors import InputError


def test_shapes_are_those_of_the_experiment():
    """Numbers, colours and shapes in the order of ds001506."""
    images = drawn.shape_images(64)
    assert list(images) == [str(i) for i in range(1, 41)]
    assert images["1"][1] == "red_square"
    assert images["19"][1] == "yellow_+"
    assert images["29"][1] == "cyan_+"
    assert images["40"][1] == "black_X"
    plus = images["19"][0]
    assert plus[32, 32].tolist() == [255, 255, 0]
    assert plus[2, 2].tolist() == [128, 128, 128]
    ring = images["3"][0]
    assert ring[32, 32].tolist() == [128, 128, 128]  # open in the middle
    assert ring[32, 13].tolist() == [255, 0, 0]


def test_letters_differ_and_are_black_on_grey():
    images = [image for image, _ in drawn.letter_images(64).values()]
    assert len({image.tobytes() for image in images}) == 10
    for image in images:
        assert image.min() == 0
        assert (image[0] == 128).all()


def test_training_and_test_share_no_photograph():
    assert not set(TRAINING_PHOTOS.values()) & set(TEST_PHOTOS.values())
    train = drawn.training_images(60, 32, seed=0)
    natural = drawn.natural_images(32)
    assert not {category for _, category in train.values()} & {c for _, c in natural.values()}
    assert not set(train) & set(natural)


def test_training_images_come_from_their_seed():
    first, again = (drawn.training_images(12, 32, seed=3) for _ in range(2))
    other = drawn.training_images(12, 32, seed=4)
    for key, (image, _) in first.items():
        np.testing.assert_array_equal(image, again[key][0])
    assert {i.tobytes() for i, _ in first.values()} != {i.tobytes() for i, _ in other.values()}
    assert len({image.tobytes() for image, _ in first.values()}) == 12


def test_photographs_are_square_and_in_colour():
    for file in (TRAINING_PHOTOS | TEST_PHOTOS).values():
        square = load_square(file)
        assert square.shape[0] == square.shape[1] >= 300
        assert square.shape[2] == 3


def test_missing_package_is_named():
    with pytest.raises(InputError, match="needs the Python package nosuchpackage"):
        photo_path("nosuchpackage/data/x.png")
    with pytest.raises(InputError, match="has no file nosuchfile"):
        photo_path("skimage/nosuchfile")


def test_table_round_trip(tmp_path):
    stimuli.write_stimuli(tmp_path, "shapes", drawn.shape_images(32))
    table = stimuli.read_stimuli(tmp_path / "shapes.tsv")
    assert list(table["stimulus_id"][:3]) == ["1", "2", "3"]
    images = stimuli.load_images(table, 32)
    np.testing.assert_array_equal(images[18], drawn.draw_shape("yellow", "+", 32))


def test_import_keeps_ids_letter_for_letter(tmp_path):
    """Leading and trailing zeros of an id are part of it; a number would lose them."""
    source = tmp_path / "mine"
    source.mkdir()
    Image.new("RGB", (20, 10), (255, 0, 0)).save(source / "a.png")
    (source / "natural.tsv").write_text("stimulus_id\tfile\n1621127.019020\ta.png\n007\ta.png\n")
    stimuli.import_stimuli(source / "natural.tsv", tmp_path / "study" / "natural.tsv")
    table = stimuli.read_stimuli(tmp_path / "study" / "natural.tsv")
    assert list(table["stimulus_id"]) == ["1621127.019020", "007"]
    assert list(table["width"]) == ["20", "20"]
    assert stimuli.load_images(table, 8).shape == (2, 8, 8, 3)


def test_images_are_squared_and_laid_on_white(tmp_path):
    Image.new("RGBA", (40, 20), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    image = stimuli.load_images(pd.DataFrame({"file": [tmp_path / "clear.png"]}), 16)
    assert (image == 255).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("stimulus_id\tfile\n1\tno.png\n", "1 image files are missing"),
        ("id\tfile\n1\tno.png\n", "no column 'stimulus_id'"),
        ("stimulus_id\tfile\n1\ta.png\n1\ta.png\n", "'1' occurs more than once"),
        ("stimulus_id\tfile\n", "no stimuli"),
    ],
)
def test_bad_tables(tmp_path, content, message):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "set.tsv").write_text(content)
    with pytest.raises(InputError, match=message):
        stimuli.read_stimuli(tmp_path / "set.tsv")
