import logging
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from deeprecon.data.bdata import BData, MetaRow, write_bdata
from deeprecon.data.kamitani import import_samples, roi_names
from deeprecon.errors import InputError
from deeprecon.preprocess.assemble import RunSamples, assemble, set_table, with_rois
from deeprecon.preprocess.rois import VoxelTable

ROIS = {"ROI_V1": np.array([1, 1, 0], bool), "ROI_V2": np.array([0, 1, 1], bool)}
XYZ = {f"voxel_{axis}": np.arange(3.0) + i for i, axis in enumerate("xyz")}
IJK = {f"voxel_{axis}": np.arange(3.0) * i for i, axis in enumerate("ijk")}
NATURAL = [1518878.005958, 1621127.01902, 3767745.000109, 1518878.005958]
IDS = ["1518878.005958", "1621127.019020", "3767745.000109", "1518878.005958"]


def values(n_samples, seed=0):
    return np.random.default_rng(seed).normal(size=(n_samples, 3))


def columns(**changes):
    """Four samples of two sessions of one run, as in the lab's files."""
    found = {
        "Session": np.array([1.0, 1.0, 2.0, 2.0]),
        "Run": np.ones(4),
        "Block": np.array([3.0, 5.0, 60.0, 61.0]),
        "stimulus_id": np.array(NATURAL),
    }
    found.update(changes)
    return {key: value for key, value in found.items() if value is not None}


def written(path, labels, voxels=None, rois=ROIS, positions=XYZ):
    n_samples = len(next(iter(labels.values())))
    voxels = values(n_samples) if voxels is None else voxels
    write_bdata(path, BData.from_columns(voxels, labels, rois, positions))
    return path


def test_columns_are_those_of_scans(tmp_path):
    """The same samples, once as runs and once as the lab's file, give the same table."""
    members = {key.removeprefix("ROI_"): mask for key, mask in ROIS.items()}
    table = VoxelTable(
        np.stack(list(XYZ.values()), axis=1), np.stack(list(IJK.values()), axis=1), members
    )
    data = values(4)
    runs = [
        RunSamples(
            "events.tsv",
            f"natural-0{i + 1}",
            "natural",
            data[2 * i : 2 * i + 2],
            pd.DataFrame(
                {
                    "stimulus_id": IDS[2 * i : 2 * i + 2],
                    "block": [1, 2],
                    "vividness": [np.nan, np.nan],
                }
            ),
        )
        for i in range(2)
    ]
    expected = assemble(runs, table, members)
    path = written(tmp_path / "s.h5", columns(), data, positions=XYZ | IJK)
    found = import_samples({"natural": path})
    np.testing.assert_array_equal(found.dataset, expected.dataset)
    assert found.vmap == expected.vmap
    assert list(found.metadata) == list(expected.metadata)
    for key, row in expected.metadata.items():
        assert found.metadata[key].description == row.description
        np.testing.assert_array_equal(found.metadata[key].value, row.value)


def test_sets_sessions_runs_and_repetitions(tmp_path):
    shapes = columns(
        Session=np.array([1.0, 1.0, 1.0, 1.0]),
        Run=np.array([7.0, 7.0, 8.0, 8.0]),
        Block=np.array([1.0, 1.0, 1.0, 2.0]),  # two rows of one block, then a restart
        stimulus_id=np.array([19.0, 19.0, 7.0, 19.0]),
    )
    files = {
        "natural": written(tmp_path / "n.h5", columns()),
        "shapes": written(tmp_path / "s.h5", shapes, values(4, seed=1)),
    }
    data = import_samples(files)
    assert data.labels("stimulus_set") == ["natural"] * 4 + ["shapes"] * 4
    assert data.labels("stimulus_id") == [*IDS, "19", "19", "7", "19"]
    assert data.labels("Session") == ["natural-01"] * 2 + ["natural-02"] * 2 + ["shapes-01"] * 4
    assert data.get("Run").tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert data.get("Block").tolist() == [1, 2, 1, 2, 1, 1, 1, 2]
    assert data.get("repetition").tolist() == [1, 1, 1, 2, 1, 1, 1, 2]
    assert np.isnan(data.get("vividness")).all()
    np.testing.assert_array_equal(data.select("VoxelData"), [*values(4), *values(4, seed=1)])
    assert set_table(data, "sub-01").to_numpy().tolist() == [
        ["sub-01", "natural", 4, 3, 2, 2],
        ["sub-01", "shapes", 3, 2, 1, 2],
    ]
    assert with_rois(data, {"both": "V1 & V2"})[1]["both"].tolist() == [False, True, False]
    assert np.isnan(data.value("voxel_i")).all()


@pytest.mark.parametrize(
    ("changes", "label", "expected"),
    [
        ({"stimulus_id": None, "stimulus_name": ["n01_1", "010", "n/b", "n01_1"]}, None,
         ["n01_1", "010", "n/b", "n01_1"]),
        ({"stimulus_id": None, "image_index": np.array([4.0, 3.0, 2.0, 4.0])}, None,
         ["4", "3", "2", "4"]),
        ({"image_index": np.array([4.0, 3.0, 2.0, 4.0])}, None, IDS),
        ({"image_index": np.array([4.0, 3.0, 2.0, 4.0])}, "image_index", ["4", "3", "2", "4"]),
        ({"category": ["a", "b", "00", "a"]}, "category", ["a", "b", "00", "a"]),
    ],
)  # fmt: skip
def test_which_key_names_the_stimuli(tmp_path, changes, label, expected):
    path = written(tmp_path / "s.h5", columns(**changes))
    assert import_samples({"natural": path}, label).labels("stimulus_id") == expected


def test_label_of_several_columns(tmp_path):
    """Old spelling; the second column of Label is the stimulus; neither Session nor Run."""
    with h5py.File(tmp_path / "old.h5", "w") as file:
        label = np.stack([[14.0, 2.0, 3.0, 14.0], NATURAL], axis=1)
        file["dataSet"] = np.hstack([values(4), label])
        file["metaData/key"] = [b"VoxelData", b"ROI_V1", b"Label"]
        file["metaData/description"] = [b""] * 3
        file["metaData/value"] = np.array([[1, 1, 1, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 1, 1.0]])
    data = import_samples({"natural": tmp_path / "old.h5"})
    assert data.labels("stimulus_id") == IDS
    assert data.get("Run").tolist() == [1] * 4
    assert data.get("Block").tolist() == [1, 2, 3, 4]
    assert data.labels("Session") == ["natural-01"] * 4
    assert data.value("ROI_V1").tolist()[1:] == [1, 1]


def test_missing_counters_are_logged(tmp_path, caplog):
    path = written(tmp_path / "s.h5", columns(Session=None, Block=None))
    with caplog.at_level(logging.WARNING):
        import_samples({"natural": path})
    assert [record.message for record in caplog.records] == [
        f"{path}: no Session",
        f"{path}: no Block",
    ]


def test_named_sessions_and_vividness(tmp_path):
    labels = columns(Session=["ses-a", "ses-a", "ses-b", "ses-b"], evaluation=np.arange(1.0, 5.0))
    data = import_samples({"imagery": written(tmp_path / "s.h5", labels)})
    assert data.labels("Session") == ["ses-a", "ses-a", "ses-b", "ses-b"]
    assert data.get("vividness").tolist() == [1, 2, 3, 4]


def test_roi_names(tmp_path):
    assert roi_names(written(tmp_path / "s.h5", columns())) == ["V1", "V2"]
    with pytest.raises(InputError, match=r"n\.h5: no ROI: no key begins with ROI_"):
        roi_names(written(tmp_path / "n.h5", columns(), rois={}))


def with_value(row, column, value):
    found = values(4)
    found[row, column] = value
    return found


@pytest.mark.parametrize(
    ("labels", "given", "message"),
    [
        ({}, {"voxels": with_value(2, 1, np.nan)}, "row 3: voxel 2 is nan, expected a finite"),
        ({}, {"voxels": with_value(0, 2, np.inf)}, "row 1: voxel 3 is inf, expected a finite"),
        ({}, {"rois": {}}, "no ROI: no key begins with ROI_"),
        ({"stimulus_id": None}, {}, "no key for the stimuli, expected stimulus_id, Label, .*"
         "found VoxelData, Session, Run, Block, voxel_x"),
        ({"stimulus_id": np.array([1, 2, np.nan, 3])}, {}, "row 3: stimulus_id has no value"),
        ({"stimulus_id": np.array([1, 2, 3, 0.1234567])}, {}, "stimulus_id: found the id .*0.1234"),
        ({"Run": np.array([1, 1, np.nan, 1])}, {}, "Run: expected one column without missing"),
    ],
)  # fmt: skip
def test_bad_files(tmp_path, labels, given, message):
    path = written(tmp_path / "s.h5", columns(**labels), **given)
    with pytest.raises(InputError, match=message) as error:
        import_samples({"natural": path})
    assert str(error.value).startswith(f"{path}: ")


def test_no_voxels_and_no_samples(tmp_path):
    write_bdata(tmp_path / "s.h5", BData(np.ones((2, 1)), {"Run": MetaRow("", np.ones(1))}))
    with pytest.raises(InputError, match="no key VoxelData; found Run"):
        import_samples({"natural": tmp_path / "s.h5"})
    empty = written(tmp_path / "e.h5", {key: value[:0] for key, value in columns().items()})
    with pytest.raises(InputError, match="0 samples of 3 voxels, expected some"):
        import_samples({"natural": empty})
    with pytest.raises(InputError, match="no BData files"):
        import_samples({})


def test_a_label_that_is_not_there(tmp_path):
    path = written(tmp_path / "s.h5", columns())
    with pytest.raises(InputError, match="no key for the stimuli, expected category; found"):
        import_samples({"natural": path}, "category")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rois": {**ROIS, "ROI_V1": np.array([1, 0, 0], bool)}}, "ROI_V1 differs in 1 voxels"),
        ({"rois": {"ROI_V1": ROIS["ROI_V1"]}}, r"b\.h5 has no ROI_V2, expected the same ROIs"),
        ({"rois": {**ROIS, "ROI_V4": ROIS["ROI_V1"]}}, r"a\.h5 has no ROI_V4, expected the same"),
        ({"positions": {**XYZ, "voxel_y": np.ones(3)}}, "voxel_y differs, expected the same"),
        ({"positions": {}}, "voxel_x differs, expected the same voxels"),
        ({"voxels": values(4)[:, :2], "rois": {k: v[:2] for k, v in ROIS.items()},
          "positions": {}}, "3 and 2 voxels, expected the same"),
    ],
)  # fmt: skip
def test_files_of_other_voxels_are_refused(tmp_path, given, message):
    one = written(tmp_path / "a.h5", columns())
    other = written(tmp_path / "b.h5", columns(), **given)
    with pytest.raises(InputError, match=message) as error:
        import_samples({"train": one, "natural": other})
    assert str(error.value).startswith(f"{one} and {other}: ")


def test_a_file_that_is_not_there():
    for read in (roi_names, lambda path: import_samples({"train": path})):
        with pytest.raises(InputError, match=r"nowhere\.h5: not a readable HDF5 file"):
            read(Path("nowhere.h5"))
