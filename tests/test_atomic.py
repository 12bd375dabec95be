import pytest

from deeprecon.atomic import replacing


def test_failure_leaves_the_old_file_and_no_temporary_one(tmp_path):
    target = tmp_path / "scores.tsv"
    target.write_text("old")
    with pytest.raises(RuntimeError), replacing(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["scores.tsv"]


def test_success_replaces_and_makes_the_folder(tmp_path):
    target = tmp_path / "new" / "image.nii.gz"
    with replacing(target) as temporary:
        assert temporary.name.endswith(".nii.gz")  # libraries choose the format by the suffix
        temporary.write_text("new")
    assert target.read_text() == "new"
