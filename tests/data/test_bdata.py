import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from deeprecon.data.bdata import BData, MetaRow, read_bdata, read_keys, write_bdata
from deeprecon.errors import InputError

VOXELS = np.random.default_rng(0).normal(size=(4, 5))


@pytest.fixture
def bdata():
    return BData.from_columns(
        voxels=VOXELS,
        labels={
            "stimulus_id": ["10.000010", "2", "10.000010", "007"],
            "Run": np.array([1.0, 1.0, 2.0, 2.0]),
        },
        rois={
            "ROI_V1": np.array([1, 1, 0, 0, 0], bool),
            "ROI_V2": np.array([0, 1, 1, 0, 0], bool),
            "ROI_HVC": np.array([0, 0, 0, 0, 1], bool),
        },
        positions={"voxel_x": np.arange(5) * 2.0},
    )


@pytest.mark.parametrize(
    ("expression", "columns"),
    [
        ("ROI_V1", [0, 1]),
        ("ROI_V1 = 1", [0, 1]),
        ("ROI_V1 + ROI_V2", [0, 1, 2]),
        ("ROI_V1|ROI_V2", [0, 1, 2]),
        ("ROI_V1 & ROI_V2", [1]),
        ("ROI_V1 - ROI_V2", [0]),
        ("ROI_V*", [0, 1, 2]),
        ("VoxelData - (ROI_V1 + ROI_HVC)", [2, 3]),
        ("ROI_V1 - ROI_V2 + ROI_HVC", [0, 4]),  # from the right: [0]
        ("ROI_V1 + ROI_V2 & ROI_HVC", []),  # with & first: [0, 1]
        ("voxel_x = 4", [2]),
        ("ROI_V? & ROI_*2", [1, 2]),
        ("'ROI_V1' + \"ROI_HVC\"", [0, 1, 4]),
        ("VoxelData & ROI_V* = 0", [3, 4]),
        ("VoxelData & (ROI_V1 + ROI_HVC) = 0", [2, 3]),
        ("ROI_HVC + (ROI_V1 & (ROI_V2 - ROI_HVC))", [1, 4]),
        ("voxel_x top 2", [3, 4]),
        ("voxel_x top 1 @ ROI_V1 + ROI_V2", [2]),
        ("ROI_V1 - voxel_x top 1 @ ROI_V1", [0]),
        ("(voxel_x top 1 @ ROI_V1) + ROI_HVC", [1, 4]),
        ("voxel_x top 99 @ ROI_V1 = 1", [0, 1]),
        ("voxel_x top 99", [0, 1, 2, 3, 4]),  # not the columns of labels
    ],
)
def test_select(bdata, expression, columns):
    np.testing.assert_array_equal(bdata.select(expression), VOXELS[:, columns])


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("ROI_V3", "unknown key 'ROI_V3'; nearest: ROI_V"),
        ("ROI_X*", "no key matches 'ROI_X\\*'"),
        ("ROI_V1 +", "found 'the end', expected a key"),
        ("ROI_V1 ROI_V2", "found 'ROI_V2', expected an operator"),
        ("(ROI_V1", "a parenthesis is not closed"),
        ("ROI_V1 = x", "found 'x' after '=', expected a number"),
        ("", "found 'the end', expected a key"),
        ("= 1", "found '=', expected a key"),
        ("ROI_V1)", r"found '\)', expected an operator"),
        ("'ROI_V1", 'found "\'", expected a key'),
        ("ROI_V1 = -", "found '-' after '=', expected a number"),
        ("voxel_x top", "found 'the end' after 'top', expected a number of columns"),
        ("voxel_x top 0", "found '0' after 'top', expected a number of columns"),
        ("top 2 @ ROI_V1", "found 'top', expected a key"),
        ("ROI_V1 @ ROI_V2", "found '@', expected an operator"),
        ("voxel_y top 2", "unknown key 'voxel_y'; nearest: voxel_x"),
    ],
)
def test_bad_selections(bdata, expression, message):
    with pytest.raises(InputError, match=message):
        bdata.select(expression)


def test_values_are_compared_and_flags_are_zero_or_one():
    values = np.array([[1.0, 0.0, np.nan, np.nan], [-1.5, 0.0, 1e3, np.nan], [2.0, 2.0, 1.0, 0.0]])
    rows = zip(["flag", "x", "score"], values, strict=True)
    data = BData(np.zeros((1, 4)), {key: MetaRow("", value) for key, value in rows})
    for expression, columns in {
        "flag = 0": [1, 2, 3],
        "x = 0": [1],
        "x = -1.5": [0],
        "x=-1.5 | x = 1000": [0, 2],
        "score": [2],
        "score top 1": [0],  # the first of equals
        "score top 3": [0, 1, 2],
        "x top 4": [0, 1, 2],
    }.items():
        assert np.flatnonzero(data.columns(expression)).tolist() == columns, expression


def test_labels_keep_every_zero(bdata):
    assert bdata.labels("stimulus_id") == ["10.000010", "2", "10.000010", "007"]
    assert bdata.get("stimulus_id").tolist() == [1, 2, 1, 3]
    assert bdata.get("Run").tolist() == [1, 1, 2, 2]
    np.testing.assert_array_equal(bdata.value("voxel_x"), np.arange(5) * 2.0)
    with pytest.raises(InputError, match="key 'Run' has no names; known: stimulus_id"):
        bdata.labels("Run")


def test_round_trip(bdata, tmp_path):
    write_bdata(tmp_path / "s.h5", bdata, {"study": "demo"})
    found = read_bdata(tmp_path / "s.h5")
    np.testing.assert_array_equal(found.dataset, bdata.dataset)
    assert list(found.metadata) == list(bdata.metadata)
    for key, row in bdata.metadata.items():
        assert found.metadata[key].description == row.description
        np.testing.assert_array_equal(found.metadata[key].value, row.value)
    assert found.vmap == bdata.vmap


def test_file_has_the_layout_that_bdpy_reads(bdata, tmp_path):
    """Names, types and shapes as bdpy 0.26 expects them; nothing of the machine in it."""
    write_bdata(tmp_path / "s.h5", bdata)
    with h5py.File(tmp_path / "s.h5") as file:
        assert file["dataset"].shape == (4, 7)
        assert file["dataset"].dtype == np.float64
        assert file["metadata/value"].shape == (len(file["metadata/key"]), 7)
        assert file["metadata/key"][0] == b"VoxelData"
        assert file["vmap/stimulus_id/1.0"][()] == b"10.000010"
        value = file["metadata/value"][0]
        assert value[:5].tolist() == [1] * 5
        assert np.isnan(value[5:]).all()
    content = (tmp_path / "s.h5").read_bytes()
    for part in (str(tmp_path), str(Path.cwd()), str(Path.home()), __file__, "header"):
        assert part.encode() not in content, part


def test_same_content_same_bytes(bdata, tmp_path):
    write_bdata(tmp_path / "a", bdata, {"study": "demo"})
    time.sleep(1.1)  # HDF5 would store times in whole seconds
    write_bdata(tmp_path / "b", bdata, {"study": "demo"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_old_spelling_is_read(tmp_path):
    with h5py.File(tmp_path / "old.h5", "w") as file:
        file["dataSet"] = VOXELS
        file["metaData/key"] = [b"VoxelData", b"ROI_V1"]
        file["metaData/description"] = [b"", b""]
        file["metaData/value"] = np.array([[1.0] * 5, [1, 0, 0, 0, 1]])
    found = read_bdata(tmp_path / "old.h5")
    np.testing.assert_array_equal(found.select("ROI_V1"), VOXELS[:, [0, 4]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file.pop("dataset"), "no dataset; found metadata"),
        (lambda file: file.pop("metadata"), "no metadata; found"),
        (lambda file: file["metadata"].pop("value"), "no metadata/value"),
        (
            lambda file: (file.pop("dataset"), file.create_dataset("dataset", data=VOXELS[:, :2])),
            "metadata/value has shape",
        ),
    ],
)
def test_broken_files(bdata, tmp_path, change, message):
    write_bdata(tmp_path / "s.h5", bdata)
    with h5py.File(tmp_path / "s.h5", "a") as file:
        change(file)
    with pytest.raises(InputError, match=message):
        read_bdata(tmp_path / "s.h5")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("dataset", [b"a"], "not a readable HDF5 file of BData"),
        ("metadata/key", [b"VoxelData"] * 7, "7 keys, 1 of them different, and 7 descriptions"),
        ("metadata/description", [b"a"], "7 keys, 7 of them different, and 1 descriptions"),
        ("vmap/stimulus_id/one", b"a", "vmap/stimulus_id: not a name for every number"),
        ("vmap", [1], "not a readable HDF5 file of BData"),
    ],
)
def test_parts_of_the_wrong_kind(bdata, tmp_path, name, value, message):
    write_bdata(tmp_path / "s.h5", bdata)
    with h5py.File(tmp_path / "s.h5", "a") as file:
        if name in file:
            del file[name]
        file[name] = value
    with pytest.raises(InputError, match=message):
        read_bdata(tmp_path / "s.h5")


def test_damaged_files_are_read_or_refused_never_anything_else(bdata, tmp_path):
    rng = np.random.default_rng(0)
    write_bdata(tmp_path / "s.h5", bdata)
    content = (tmp_path / "s.h5").read_bytes()
    refused = 0
    for i in range(60):
        damaged = bytearray(content[: rng.integers(len(content))] if i % 2 else content)
        for place in rng.integers(len(damaged), size=20) if damaged else []:
            damaged[place] = rng.integers(256)
        (tmp_path / "d.h5").write_bytes(damaged)
        try:
            read_bdata(tmp_path / "d.h5")
        except InputError:
            refused += 1
    assert refused > 30


@pytest.mark.parametrize("read", [read_bdata, read_keys])
@pytest.mark.parametrize("content", ["none", "text", "empty", "half"])
def test_unreadable_files_are_refused_in_one_line(bdata, tmp_path, content, read):
    path = tmp_path / "s.h5"
    if content == "half":
        write_bdata(path, bdata)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif content != "none":
        path.write_text("no" if content == "text" else "")
    with pytest.raises(InputError, match="not a readable HDF5 file") as error:
        read(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_keys_are_read_without_the_samples(bdata, tmp_path):
    write_bdata(tmp_path / "s.h5", bdata)
    with h5py.File(tmp_path / "s.h5", "a") as file:
        del file["dataset"]
    assert read_keys(tmp_path / "s.h5") == list(bdata.metadata)


def test_unnamed_value_and_wrong_length():
    row = MetaRow("", np.array([1.0]))
    data = BData(np.array([[1.0], [2.0]]), {"label": row}, {"label": {1.0: "one"}})
    with pytest.raises(InputError, match="the value 2 has no name"):
        data.labels("label")
    with pytest.raises(InputError, match="3 values for 4 samples"):
        BData.from_columns(VOXELS, {"id": ["a", "b", "c"]}, {})


@pytest.mark.parametrize("kind", [str, object])
def test_array_of_strings_keeps_every_zero(kind, tmp_path):
    ids = np.array(["10.000010", "2", "10.000010", "007"], dtype=kind)
    write_bdata(tmp_path / "s.h5", BData.from_columns(VOXELS, {"id": ids}, {}))
    assert read_bdata(tmp_path / "s.h5").labels("id") == ["10.000010", "2", "10.000010", "007"]


@pytest.mark.parametrize(
    ("labels", "rois", "positions", "message"),
    [
        ({"id": [1, 2, 3, 4]}, {}, {}, "label id: found 1, expected strings or a numeric array"),
        ({}, {"ROI_V1": np.array([True])}, {}, r"ROI_V1: shape \(1,\) for 5 voxels"),
        ({}, {}, {"voxel_x": np.zeros(4)}, r"voxel_x: shape \(4,\) for 5 voxels"),
        ({"a": ["x"] * 4}, {"a": np.ones(5, bool)}, {}, "key 'a' occurs 2 times"),
        ({"VoxelData": ["x"] * 4}, {}, {}, "key 'VoxelData' occurs 2 times"),
        ({"a/b": ["x"] * 4}, {}, {}, "key 'a/b': a key cannot contain '/'"),
    ],
)
def test_columns_that_do_not_fit(labels, rois, positions, message):
    with pytest.raises(InputError, match=message):
        BData.from_columns(VOXELS, labels, rois, positions)
