import nibabel as nib
import numpy as np
import pytest

from deeprecon.errors import InputError
from deeprecon.preprocess.rois import MaskFile, TargetGrid, combine, overlaps, read_roi_masks

AFFINE = np.array([[-2.0, 0, 0, 10], [0, 3, 0, -20], [0, 0, 4, 5], [0, 0, 0, 1]])


def save_mask(path, voxels, shape=(4, 5, 6), affine=AFFINE, value=1):
    data = np.zeros(shape, np.float32)
    for voxel in voxels:
        data[voxel] = value
    nib.save(nib.Nifti1Image(data, affine), path)
    return MaskFile(path)


def test_voxels_of_all_masks_in_c_order(tmp_path):
    left = save_mask(tmp_path / "l.nii.gz", [(3, 0, 0), (0, 1, 2)])
    right = save_mask(tmp_path / "r.nii.gz", [(0, 1, 1), (0, 1, 2)], value=255)
    other = save_mask(tmp_path / "o.nii.gz", [(0, 1, 2), (2, 4, 5)])
    table = read_roi_masks({"V1": [left, right], "LOC": [other]})
    np.testing.assert_array_equal(table.ijk, [[0, 1, 1], [0, 1, 2], [2, 4, 5], [3, 0, 0]])
    np.testing.assert_allclose(
        table.xyz, [[10, -17, 9], [10, -17, 13], [6, -8, 25], [4, -20, 5]], atol=1e-5
    )
    assert list(table.members) == ["V1", "LOC"]
    np.testing.assert_array_equal(table.members["V1"], [True, True, False, True])
    np.testing.assert_array_equal(table.members["LOC"], [False, True, True, False])


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (
            {"shape": (4, 5, 7)},
            r"b\.nii: shape \(4, 5, 7\), expected \(4, 5, 6\) of .*a\.nii; .*voxel_grid",
        ),
        ({"affine": AFFINE + 0.01}, r"b\.nii: its affine is not that of .*a\.nii"),
        ({"shape": (4, 5, 6, 1)}, r"b\.nii: shape .* three dimensions"),
        ({"value": np.nan}, r"b\.nii: holds NaN"),
        ({"value": 0}, r"ROI V2: no voxel in .*b\.nii"),
    ],
)
def test_masks_that_do_not_fit(tmp_path, second, message):
    a = save_mask(tmp_path / "a.nii", [(0, 0, 0)])
    b = save_mask(tmp_path / "b.nii", [(1, 1, 1)], **second)
    with pytest.raises(InputError, match=message):
        read_roi_masks({"V1": [a], "V2": [b]})


def test_rois_without_files():
    with pytest.raises(InputError, match="ROI V1: no mask file"):
        read_roi_masks({"V1": []})
    with pytest.raises(InputError, match="no ROI masks"):
        read_roi_masks({})


def test_files_that_are_no_masks(tmp_path):
    with pytest.raises(InputError, match=r"absent\.nii: cannot be read"):
        read_roi_masks({"V1": [MaskFile(tmp_path / "absent.nii")]})
    (tmp_path / "text.nii").write_text("not an image")
    with pytest.raises(InputError, match=r"text\.nii: cannot be read"):
        read_roi_masks({"V1": [MaskFile(tmp_path / "text.nii")]})


def sets(**rois):
    """ROIs of nine voxels, given as strings of the voxels' digits."""
    return {
        name: np.array([str(voxel) in digits for voxel in range(9)])
        for name, digits in rois.items()
    }


def digits(mask):
    return "".join(str(voxel) for voxel in np.flatnonzero(mask))


def test_the_composite_rois_of_the_study():
    members = sets(V1d="0", V1v="1", V2="2", V3="3", V4="4", HVC="35678")
    combined = combine(
        members,
        {
            "V1": "V1d + V1v",
            "LVC": "V1 + V2 + V3",
            "HVC": "HVC - LVC",
            "VC": "LVC + V4 + HVC",
        },
    )
    assert digits(combined["LVC"]) == "0123"
    assert digits(combined["HVC"]) == "5678"
    assert digits(combined["VC"]) == "012345678"
    assert digits(members["HVC"]) == "35678"
    assert "V1" not in members


@pytest.mark.parametrize(
    ("expression", "voxels"),
    [
        ("A", "0123"),
        ("A & B", "23"),
        ("A-B|C", "012468"),
        ("A | B & C", "246"),  # from left to right: (A | B) & C
        ("A | (B & C)", "012346"),
        ("A - (B - (C))", "012"),
        ("((A)) - B - C", "01"),
    ],
)
def test_operators_bind_from_left_to_right(expression, voxels):
    members = sets(A="0123", B="23456", C="2468")
    assert digits(combine(members, {"X": expression})["X"]) == voxels


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("A + V9", r"ROI X: 'A \+ V9': found 'V9', expected one of A, B or '\('"),
        ("A B", "found 'B', expected + | & - or the end"),
        ("A +", "found 'the end'"),
        ("", "found 'the end'"),
        ("(A", "a parenthesis is not closed"),
        ("(A B)", "a parenthesis is not closed"),
        ("A)", "found '\\)'"),
        ("A * B", "found '\\*'"),
        ("-A", "found '-'"),
        ("A - A", "ROI X: 'A - A' holds no voxel"),
    ],
)
def test_definitions_that_cannot_be_read(expression, message):
    message = message.replace("+ | & -", r"\+ \| & -")
    with pytest.raises(InputError, match=message):
        combine(sets(A="01", B="12"), {"X": expression})


def save_atlas(path, affine=AFFINE):
    data = np.zeros((4, 5, 6), np.int16)
    data[0, 0, 1], data[1, 0, 0], data[2, 2, 2] = 3, 7, 107
    nib.save(nib.Nifti1Image(data, affine), path)
    return path


def test_labels_of_an_atlas(tmp_path):
    atlas = save_atlas(tmp_path / "atlas.nii.gz")
    masks = {"V1": [MaskFile(atlas, (3,))], "V2": [MaskFile(atlas, (7, 107))]}
    table = read_roi_masks(masks)
    np.testing.assert_array_equal(table.ijk, [[0, 0, 1], [1, 0, 0], [2, 2, 2]])
    np.testing.assert_array_equal(table.members["V2"], [False, True, True])
    with pytest.raises(InputError, match=r"atlas\.nii\.gz: no voxel has the label 8; found \[  3"):
        read_roi_masks({"V1": [MaskFile(atlas, (3, 8))]})


def test_masks_of_any_grid_are_carried_to_the_voxels_of_the_scan(tmp_path):
    """A mask of 1 mm, moved and turned, and an atlas of 2.5 mm, on a scan of 3 mm."""
    shift = np.eye(4)
    shift[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]  # a quarter turn about z
    shift[:3, 3] = [4, -2, 1]
    scan = np.diag([3.0, 3, 3, 1])
    fine = np.diag([1.0, 1, 1, 1])
    fine[:3, 3] = -10
    data = np.zeros((40, 40, 40), np.uint8)
    data[:5] = 1  # x of the T1w from -10 to -6 mm
    nib.save(nib.Nifti1Image(data, fine), tmp_path / "m.nii")
    coarse = save_atlas(tmp_path / "a.nii", np.diag([2.5, 2.5, 2.5, 1]))
    masks = {"half": [MaskFile(tmp_path / "m.nii")], "dot": [MaskFile(coarse, (107,))]}
    table = read_roi_masks(masks, TargetGrid((8, 8, 8), scan, shift))
    # voxel (i, j, k) of the scan lies at (4 - 3j, 3i - 2, 3k + 1) mm of the T1w
    ijk = table.ijk
    expected = np.column_stack([4 - 3 * ijk[:, 1], 3 * ijk[:, 0] - 2, 3 * ijk[:, 2] + 1])
    np.testing.assert_allclose(table.xyz, expected, atol=1e-9)
    np.testing.assert_array_equal(ijk[table.members["dot"]], [[2, 0, 1]])  # (4, 4, 4) mm
    low = ijk[table.members["half"]]
    assert len(low) == 64
    assert (low[:, 1] == 4).all()  # -8 mm; the next voxel, at -11 mm, lies beyond the mask


def test_an_roi_outside_the_scan(tmp_path):
    far = save_mask(tmp_path / "far.nii", [(0, 0, 0)])
    with pytest.raises(InputError, match=r"ROI V1: no voxel in .*far\.nii that lies in the voxel"):
        read_roi_masks({"V1": [far]}, TargetGrid((3, 3, 3), np.eye(4), np.eye(4)))


def test_overlaps_name_pairs_that_share_voxels():
    found = overlaps(sets(A="0123", B="23456", C="789"))
    assert found.to_numpy().tolist() == [["A", "B", 2, 0.5]]
    assert overlaps(sets(A="0", B="1")).empty
