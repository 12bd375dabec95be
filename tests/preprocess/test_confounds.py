import logging

import numpy as np
import pandas as pd
import pytest
from nilearn.interfaces.fmriprep import load_confounds

from deeprecon.errors import InputError
from deeprecon.preprocess.confounds import read_confounds
from deeprecon.preprocess.files import motion_table
from deeprecon.tables import write_table

MOTION = ["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"]


def confounds_table(n_volumes=8, seed=0):
    """A table as fMRIPrep writes it, in its columns, n/a and all.

    Differences and squares are made here by NumPy, row by row, as the documentation defines them.
    """
    rng = np.random.default_rng(seed)
    columns = {}
    for name in (*MOTION, "csf", "white_matter", "global_signal"):
        values = np.round(rng.normal(size=n_volumes), 6)
        before = np.concatenate([[np.nan], values[:-1]])
        columns[name] = values
        columns[f"{name}_derivative1"] = values - before
        columns[f"{name}_power2"] = values * values
        columns[f"{name}_derivative1_power2"] = (values - before) * (values - before)
    for name in ("std_dvars", "dvars", "framewise_displacement", "rmsd"):
        columns[name] = np.concatenate([[np.nan], rng.random(n_volumes - 1)])
    for i in (1, 0, 2, 3, 4, 5):
        columns[f"a_comp_cor_{i:02d}"] = rng.normal(size=n_volumes)
    columns["t_comp_cor_00"] = rng.normal(size=n_volumes)
    for i in range(3):
        columns[f"cosine{i:02d}"] = np.cos(np.pi * (i + 1) * np.arange(n_volumes) / n_volumes)
    for i in range(2):
        columns[f"non_steady_state_outlier{i:02d}"] = (np.arange(n_volumes) == i).astype(float)
    columns["motion_outlier00"] = (np.arange(n_volumes) == 5).astype(float)
    return pd.DataFrame(columns)


def write(path, table):
    table.to_csv(path, sep="\t", index=False, na_rep="n/a")
    return path


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / "confounds.tsv", confounds_table())


def test_columns_in_the_order_chosen_each_once(path):
    table = confounds_table()
    found = read_confounds(path, ["cosine*", "csf", "motion6", "rot_x", "c*f"], 2)
    assert list(found) == ["cosine00", "cosine01", "cosine02", "csf", *MOTION]
    assert (found.dtypes == np.float64).all()
    np.testing.assert_allclose(found, table[list(found)], rtol=1e-12)


def test_motion24_is_what_fmriprep_writes(path):
    found = read_confounds(path, ["motion24"], 2)
    table = confounds_table()
    assert sorted(found) == sorted(name for name in table if name.startswith(("trans_", "rot_")))
    assert found.shape == (8, 24)
    np.testing.assert_allclose(found, table[list(found)].fillna(0.0), atol=1e-12)


def test_motion24_of_known_motion(tmp_path):
    table = pd.DataFrame(0.0, index=range(3), columns=MOTION).assign(rot_z=[1.0, 3.0, -1.0])
    found = read_confounds(write(tmp_path / "motion.tsv", table), ["motion24"], 0)
    assert found["rot_z"].tolist() == [1, 3, -1]
    assert found["rot_z_derivative1"].tolist() == [0, 2, -4]
    assert found["rot_z_power2"].tolist() == [1, 9, 1]
    assert found["rot_z_derivative1_power2"].tolist() == [0, 4, 16]
    assert (found.drop(columns=[name for name in found if "rot_z" in name]) == 0).all(axis=None)


def test_own_motion_table(tmp_path):
    motion = np.random.default_rng(0).normal(size=(6, 6))
    write_table(tmp_path / "run_motion.tsv", motion_table(motion), digits=8, missing="n/a")
    found = read_confounds(tmp_path / "run_motion.tsv", ["motion6"], 4)
    np.testing.assert_allclose(found, motion, rtol=1e-7)
    assert read_confounds(tmp_path / "run_motion.tsv", ["motion24"], 4).shape == (6, 24)


def test_same_columns_as_nilearn_chooses(tmp_path):
    """nilearn demeans and leaves out volumes that are not steady; so we compare what remains."""
    stem = "sub-01_task-b_run-1"
    bold = tmp_path / f"{stem}_space-T1w_desc-preproc_bold.nii.gz"
    bold.touch()
    written = write(tmp_path / f"{stem}_desc-confounds_timeseries.tsv", confounds_table(30))
    (tmp_path / f"{stem}_desc-confounds_timeseries.json").write_text("{}")
    expected, kept = load_confounds(
        str(bold),
        strategy=("motion", "wm_csf", "high_pass"),
        motion="full",
        wm_csf="basic",
        demean=False,
    )
    found = read_confounds(written, ["motion24", "csf", "white_matter", "cosine*"], 2)
    assert sorted(found) == sorted(expected)
    later = kept[kept > 1]
    np.testing.assert_allclose(
        found.iloc[later], expected[list(found)].loc[later], rtol=1e-9, atol=1e-12
    )


def test_first_components_in_their_order(path):
    table = confounds_table()
    found = read_confounds(path, ["acompcor3"], 2)
    assert list(found) == ["a_comp_cor_00", "a_comp_cor_01", "a_comp_cor_02"]
    np.testing.assert_allclose(found, table[list(found)], rtol=1e-12)
    assert read_confounds(path, ["acompcor6"], 2).shape == (8, 6)


def test_first_row_of_differences_is_0(path):
    names = ["framewise_displacement", "std_dvars", "dvars", "rmsd", "csf_derivative1"]
    found = read_confounds(path, names, 2)
    assert (found.iloc[0] == 0).all()
    assert (found.iloc[1:] != 0).all(axis=None)


@pytest.mark.parametrize(
    ("n_dummy_scans", "added"),
    [
        (0, ["non_steady_state_outlier00", "non_steady_state_outlier01"]),
        (1, ["non_steady_state_outlier01"]),
        (2, []),
    ],
)
@pytest.mark.parametrize("pattern", [[], ["non_steady*"]])
def test_volumes_not_in_steady_state(path, caplog, n_dummy_scans, added, pattern):
    with caplog.at_level(logging.WARNING):
        found = read_confounds(path, ["csf", *pattern], n_dummy_scans)
    assert list(found) == ["csf", *added]
    assert len(found) == 8
    assert all((found[name] == 1).sum() == 1 for name in added)
    assert len(caplog.messages) == len(added)
    if added:
        assert f"outlier01 flags volume 2, after the {n_dummy_scans} dummy scans" in caplog.text


def test_no_confounds(path):
    found = read_confounds(path, [], 2)
    assert found.shape == (8, 0)
    assert found.to_numpy(float).shape == (8, 0)


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (["whitematter"], "no column 'whitematter', but 'white_matter'"),
        (["sine*"], r"no column 'sine\*', but 'cosine"),
        (["acompcor7"], r"6 columns a_comp_cor_\*, but acompcor7 needs 7"),
        (["acompcor0"], "no column 'acompcor0'"),
        (["Motion6"], "no column 'Motion6'"),
    ],
)
def test_columns_that_are_not_there(path, selection, message):
    with pytest.raises(InputError, match=message):
        read_confounds(path, selection, 2)


def test_table_without_a_motion_parameter(tmp_path):
    table = confounds_table().drop(columns="rot_z")
    with pytest.raises(InputError, match="no column 'rot_z', but "):
        read_confounds(write(tmp_path / "c.tsv", table), ["motion6"], 2)


@pytest.mark.parametrize(
    ("name", "row", "value", "message"),
    [
        ("csf", 0, np.nan, "row 2: csf is 'n/a', expected a number"),
        ("csf", 3, np.nan, "row 5: csf is 'n/a', expected a number"),
        ("csf", 3, np.inf, "row 5: csf is 'inf', expected a number"),
        ("csf_derivative1", 1, np.nan, "row 3: csf_derivative1 is 'n/a', expected a number"),
        ("csf", 3, "high", "row 5: csf is 'high', expected a number"),
        ("csf", 7, "", "row 9: csf is '', expected a number"),
    ],
)
def test_values_that_are_no_numbers(tmp_path, name, row, value, message):
    table = confounds_table().astype(object)
    table.loc[row, name] = value
    with pytest.raises(InputError, match=f"c.tsv: {message}"):
        read_confounds(write(tmp_path / "c.tsv", table), ["csf", "csf_derivative1"], 2)
    read_confounds(write(tmp_path / "c.tsv", table), ["motion24"], 2)  # others may be anything


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "not a readable TSV file"),
        (b"", "it is empty"),
        (b"csf\n", "no rows, expected one for each volume"),
        (b"csf\twhite_matter\n1\n", "row 2: 1 values for 2 columns"),
        (b"\x1f\x8b\x08\x00", "not a readable TSV file"),
    ],
)
def test_bad_tables(tmp_path, content, message):
    path = tmp_path / "c.tsv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_confounds(path, ["csf"], 0)
