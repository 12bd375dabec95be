import json
import subprocess
import sys

import numpy as np
import pytest

from deeprecon.cli import main
from deeprecon.data.bdata import BData, MetaRow, write_bdata
from deeprecon.decode.mat import read_mat
from deeprecon.features.store import write_features


@pytest.fixture
def path(tmp_path):
    data = BData.from_columns(
        voxels=np.array([[1.0, -2.5, 0.0], [3.0, 4.0, 0.5]]),
        labels={
            "stimulus_id": ["1621127.019020", "007"],
            "number": np.array([1518878.005958, np.nan]),
        },
        rois={"ROI_V1": np.array([True, False, True]), "ROI_V2": np.zeros(3, bool)},
        positions={"voxel_x": np.array([-3.0, 1.0, 12.5])},
    )
    data.metadata["number"] = MetaRow("id as a number", data.metadata["number"].value)
    write_bdata(tmp_path / "s.h5", data)
    return tmp_path / "s.h5"


def test_info_says_what_the_columns_are(path, capsys):
    assert main(["bdata", "info", str(path)]) == 0
    first, empty, header, *rows = capsys.readouterr().out.splitlines()
    assert first == f"{path}: 2 samples, 3 voxels, 5 columns"
    assert empty == ""
    assert header.split("  ")[0] == "key"
    found = [[cell.strip() for cell in row.split("  ") if cell.strip()] for row in rows]
    assert found == [
        ["VoxelData", "voxels", "0-2", "-2.5 to 4", "1 = voxel value"],
        ["stimulus_id", "labels", "3", "2 names: 1621127.019020, 007", "1 = stimulus_id"],
        [
            "number",
            "numbers",
            "4",
            "1 distinct, 1518878.005958 to 1518878.005958; 1 missing",
            "id as a number",
        ],
        ["ROI_V1", "roi", "2 of 0-2", "2 voxels", "1 = voxel in ROI_V1"],
        ["ROI_V2", "empty", "none", "1 = voxel in ROI_V2"],
        ["voxel_x", "values", "0-2", "-3 to 12.5", "voxel_x"],
    ]


def test_info_as_json(path, capsys):
    assert main(["bdata", "info", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [found[key] for key in ("n_samples", "n_voxels", "n_columns")] == [2, 3, 5]
    assert found["keys"][1] == {
        "key": "stimulus_id",
        "description": "1 = stimulus_id",
        "type": "labels",
        "n_columns": 1,
        "columns": [3, 3],
        "n_distinct": 2,
        "first": ["1621127.019020", "007"],
        "n_missing": 0,
    }


def test_more_names_than_are_shown_and_missing_ones(tmp_path, capsys):
    data = BData.from_columns(np.zeros((9, 1)), {"id": [f"{i:03}" for i in range(9)]}, {})
    data.vmap["id"].pop(2.0)
    data.dataset[8, 1] = np.nan
    write_bdata(tmp_path / "s.h5", data)
    assert main(["bdata", "info", str(tmp_path / "s.h5")]) == 0
    shown = "8 names: 000, 2 (no name), 002, 003, 004, ...; 1 missing"
    assert shown in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, "no", ""])
def test_bad_files_end_in_one_line(tmp_path, capsys, content):
    path = tmp_path / "s.h5"
    if content is not None:
        path.write_text(content)
    assert main(["bdata", "info", str(path)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert f"{path}: not a readable HDF5 file" in err


@pytest.mark.parametrize("arguments", [[], ["bdata"], ["bdata", "info"], ["bdata", "what"]])
def test_incomplete_commands(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: deeprecon" in capsys.readouterr().err


def test_as_a_module(tmp_path):
    command = [sys.executable, "-m", "deeprecon", "bdata", "info", str(tmp_path / "none.h5")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "none.h5: not a readable HDF5 file" in done.stderr


def test_decoded_features_are_exported(tmp_path, capsys):
    features = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    file = tmp_path / "results/decoded/sub-01/VC/topk/natural/b2.h5"
    write_features(file, features, ["p", "q"], {})
    results, output = str(tmp_path / "results"), tmp_path / "out"
    assert main(["decoded", "export", results, str(output), "--format", "bdpy"]) == 0
    assert capsys.readouterr().out == f"{output}: 2 files\n"
    found = read_mat(output / "topk/natural/b2/sub-01/VC/q.mat")
    np.testing.assert_array_equal(found, features[1:])
    assert main(["decoded", "export", results, str(output), "--decoder", "other"]) == 1
    assert "no decoder 'other'; found topk" in capsys.readouterr().err
