import h5py
import numpy as np
import pytest
from PIL import Image

from benchmarks.compare_results import Allowed, differences


def results(folder, *, value="0.5", column="value", dataset="image", bit=0, colour=0, more=False):
    """A small folder of results."""
    (folder / "evaluation").mkdir(parents=True)
    (folder / "evaluation/scores.tsv").write_text(f"set\t{column}\nnatural\t{value}\n")
    (folder / "logs").mkdir()
    (folder / "logs/log.tsv").write_text(f"{np.random.default_rng().random()}\n")
    with h5py.File(folder / "a.h5", "w") as file:
        file[f"group/{dataset}"] = np.arange(6.0) + bit
        file["stimulus_id"] = ["a", "b"]
        file.attrs["software"] = value
    Image.new("RGB", (2, 2), (colour, 0, 0)).save(folder / "a.png")
    if more:
        (folder / "more.tsv").write_text("x\n")
    return folder


def test_equal_results(tmp_path):
    assert not list(differences(results(tmp_path / "a"), results(tmp_path / "b")))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"value": "0.6"}, "scores.tsv: column 'value': 1 rows differ, first row 2: '0.5', '0.6'"),
        ({"column": "score"}, "scores.tsv: columns ['score', 'value']"),
        ({"dataset": "images"}, "a.h5: dataset 'group/image': only in one"),
        ({"bit": 1e-12}, "a.h5: dataset 'group/image': 6 of 6 differ, by 1e-12"),
        ({"colour": 1}, "a.png: another image"),
        ({"more": True}, "more.tsv: only in "),
    ],
)
def test_each_difference_is_a_line(tmp_path, changes, line):
    found = list(differences(results(tmp_path / "a"), results(tmp_path / "b", **changes)))
    assert any(line in one for one in found), found


def test_differences_that_are_meant(tmp_path):
    old = results(tmp_path / "a")
    new = results(tmp_path / "b", column="score", dataset="images", more=True)
    allowed = Allowed({"value": "score"}, {"image": "images"}, ignored=("logs/*", "more.tsv"))
    assert not list(differences(old, new, allowed))
    reworded = results(tmp_path / "c", value="half")
    assert not list(differences(old, reworded, Allowed(text=("value",))))
