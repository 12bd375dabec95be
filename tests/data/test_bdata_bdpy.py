"""BData both ways with bdpy, and selections by both; bdpy has no release for Python 3.12."""

import numpy as np
import pytest

from deeprecon.data.bdata import BData, read_bdata, write_bdata

bdpy = pytest.importorskip("bdpy")

VOXELS = np.random.default_rng(0).normal(size=(4, 6))
IDS = ["1518878.005958", "1621127.019020", "007", "1518878.005958"]
ROIS = {
    "ROI_V1": [1, 1, 1, 0, 0, 0],
    "ROI_V2": [0, 0, 1, 1, 0, 0],
    "ROI_HVC": [0, 0, 0, 0, 1, 0],
}
X = np.array([3.0, -1.5, 0.0, 5.0, 2.0, 2.0])


@pytest.fixture
def ours():
    return BData.from_columns(
        voxels=VOXELS,
        labels={"stimulus_id": IDS, "Run": np.array([1.0, 1.0, 2.0, 2.0])},
        rois={key: np.array(flags, bool) for key, flags in ROIS.items()},
        positions={"voxel_x": X},
    )


@pytest.fixture
def theirs():
    data = bdpy.BData()
    data.add(VOXELS, "VoxelData")
    data.add(np.array([1.0, 2.0, 3.0, 1.0]), "stimulus_id")
    data.add(np.array([1.0, 1.0, 2.0, 2.0]), "Run")
    for key, flags in ROIS.items():
        data.add_metadata(key, np.array(flags, float), f"1 = {key}", where="VoxelData")
    data.add_metadata("voxel_x", X, "x in mm", where="VoxelData")
    data.add_vmap("stimulus_id", {1.0: IDS[0], 2.0: IDS[1], 3.0: IDS[2]})
    return data


def test_bdpy_reads_what_is_written_here(ours, tmp_path):
    write_bdata(tmp_path / "s.h5", ours, {"study": "demo"})
    found = bdpy.BData(str(tmp_path / "s.h5"))
    np.testing.assert_array_equal(found.select("VoxelData"), VOXELS)
    np.testing.assert_array_equal(found.select("ROI_V1 + ROI_V2"), VOXELS[:, :4])
    np.testing.assert_array_equal(found.get_metadata("voxel_x", where="VoxelData"), X)
    np.testing.assert_array_equal(found.get("Run")[:, 0], [1, 1, 2, 2])
    assert found.get_label("stimulus_id") == IDS
    assert list(found.metadata.key) == list(ours.metadata)
    assert list(found.metadata.description) == [r.description for r in ours.metadata.values()]
    assert found.header == {}


def test_what_bdpy_writes_is_read_here(theirs, tmp_path):
    theirs.save(str(tmp_path / "s.h5"))
    found = read_bdata(tmp_path / "s.h5")
    np.testing.assert_array_equal(found.dataset, theirs.dataset)
    assert list(found.metadata) == list(theirs.metadata.key)
    for key, row in found.metadata.items():
        np.testing.assert_array_equal(row.value, theirs.get_metadata(key))
        assert row.description == theirs.metadata.get(key, "description")
    assert found.labels("stimulus_id") == IDS
    np.testing.assert_array_equal(found.value("voxel_x"), X)


def test_there_and_back_the_header_is_gone(theirs, tmp_path):
    theirs.save(str(tmp_path / "theirs.h5"))
    write_bdata(tmp_path / "ours.h5", read_bdata(tmp_path / "theirs.h5"))
    again = bdpy.BData(str(tmp_path / "ours.h5"))
    np.testing.assert_array_equal(again.dataset, theirs.dataset)
    np.testing.assert_array_equal(again.metadata.value, theirs.metadata.value)
    assert again.get_label("stimulus_id") == IDS
    assert b"callstack" in (tmp_path / "theirs.h5").read_bytes()
    assert b"callstack" not in (tmp_path / "ours.h5").read_bytes()


SELECTORS = [
    "ROI_V1",
    "ROI_V1 = 1",
    "ROI_V1=1",
    "ROI_V1 = 01",
    "ROI_V1 = 0",
    "ROI_V1 = 2",
    "ROI_V1 = 1 = 0",
    "ROI_V1 + ROI_V2",
    "ROI_V1 | ROI_V2 = 1",
    "ROI_V1 + ROI_V2 = 0",
    "(ROI_V1 + ROI_V2) = 0",
    "((ROI_V1)) & ((ROI_V2 = 1))",
    "ROI_V1 & ROI_V2",
    "ROI_V1 - ROI_V2",
    "ROI_V1 - ROI_V2 - ROI_HVC",
    "ROI_V1 - (ROI_V2 - ROI_V1)",
    "ROI_V1 - ROI_V2 + ROI_HVC",
    "ROI_V1 + ROI_V2 & ROI_HVC",
    "ROI_HVC & ROI_V1 + ROI_V2",
    "ROI_V1 + ROI_V2 - ROI_V1 & ROI_V2",
    "ROI_*",
    "ROI_V*",
    "ROI_V* = 0",
    "*",
    "*V*",
    "* - VoxelData",
    "VoxelData - ROI_*",
    "'ROI_V1' + \"ROI_HVC\"",
    "Run",
    "stimulus_id | Run",
    "voxel_x = 1",
]


@pytest.mark.parametrize("selector", SELECTORS)
@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_selections_are_the_same(theirs, selector, tmp_path):
    theirs.save(str(tmp_path / "s.h5"))
    expected = theirs.select(selector, return_index=True)[1]
    np.testing.assert_array_equal(read_bdata(tmp_path / "s.h5").columns(selector), expected)


def test_the_table_of_selectors_tells_them_apart(theirs):
    """Else a selection of nothing could pass everywhere."""
    found = {tuple(theirs.select(selector, return_index=True)[1]) for selector in SELECTORS}
    assert len(found) > 12


@pytest.mark.parametrize(
    ("selector", "columns", "of_bdpy"),
    [
        # In bdpy ")" also ends whatever stands before its "(".
        ("Run + (ROI_V1 + ROI_V2) = 0", [4, 5, 6, 7], [4, 5, 6]),
        ("ROI_V1 - (ROI_V2 - (ROI_V1 & ROI_V2) + ROI_V1)", [], [0, 1, 2]),
        # bdpy knows no values of keys but 0 and 1.
        ("voxel_x = 5", [3], []),
        ("voxel_x = 0", [2], [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_selections_that_differ(theirs, ours, selector, columns, of_bdpy):
    assert np.flatnonzero(theirs.select(selector, return_index=True)[1]).tolist() == of_bdpy
    assert np.flatnonzero(ours.columns(selector)).tolist() == columns


@pytest.mark.parametrize("selector", ["voxel_x top 2", "top 2 @ ROI_V1", "voxel_x = -1.5"])
@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
def test_what_bdpy_cannot_read(theirs, selector):
    with pytest.raises((RuntimeError, IndexError)):
        theirs.select(selector)


@pytest.mark.parametrize("selector", ["ROI_V3", "ROI_V1 +", "", "ROI_X*", "ROI_V1 ROI_V2"])
def test_what_bdpy_refuses_is_refused(ours, theirs, selector):
    with pytest.raises((RuntimeError, IndexError)):
        theirs.select(selector)
    with pytest.raises(ValueError, match=r"selection|unknown key"):
        ours.select(selector)
