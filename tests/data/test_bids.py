import json

import nibabel as nib
import numpy as np
import pytest

from deeprecon.data import bids, sidecars
from deeprecon.errors import InputError

EVENTS = "onset\tduration\tevent_type\tstimulus_id\n0\t32\t-1\tn/a\n"


def add_run(root, session, run, task="perception", suffix=".nii.gz", events=True):
    folder = root / "sub-01" / f"ses-{session}" / "func"
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"sub-01_ses-{session}_task-{task}_run-{run}"
    image = nib.Nifti1Image(np.zeros((3, 3, 3, 4), np.int16), np.eye(4))
    image.header.set_zooms((1, 1, 1, 2.0))
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, folder / f"{stem}_bold{suffix}")
    if events:
        (folder / f"{stem}_events.tsv").write_text(EVENTS)
    return folder / f"{stem}_bold{suffix}"


def test_runs_come_in_natural_order_and_numbers_restart(tmp_path):
    for session, run in [("b10", "1"), ("b9", "10"), ("b9", "9"), ("a01", "02"), ("a01", "01")]:
        add_run(tmp_path, session, run)
    found = [(run.session, run.run) for run in bids.find_runs(tmp_path, "sub-01")]
    assert found == [
        ("ses-a01", "01"), ("ses-a01", "02"), ("ses-b9", "9"), ("ses-b9", "10"), ("ses-b10", "1"),
    ]  # fmt: skip


def test_session_and_task_sort_before_their_longer_namesakes(tmp_path):
    for session, task in [("a1", "b"), ("a", "b1"), ("a", "b")]:
        add_run(tmp_path, session, "01", task=task)
    found = [(run.session, run.task) for run in bids.find_runs(tmp_path, "sub-01")]
    assert found == [("ses-a", "b"), ("ses-a", "b1"), ("ses-a1", "b")]


def add(root, stem):
    path = root / "sub-01" / f"{stem}_bold.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.with_name(path.name.replace("_bold.nii.gz", "_events.tsv")).write_text(EVENTS)
    return path


def test_data_sets_without_sessions_or_run_numbers(tmp_path):
    for stem in (
        "func/sub-01_task-b_run-10", "func/sub-01_task-b_run-1", "func/sub-01_task-b",
        "func/sub-01_task-a_dir-AP", "ses-x/func/sub-01_ses-x_task-b",
    ):  # fmt: skip
        add(tmp_path, stem)
    runs = bids.find_runs(tmp_path, "sub-01")
    assert [run.name for run in runs] == [
        "task-a", "task-b", "task-b_run-1", "task-b_run-10", "ses-x_task-b",
    ]  # fmt: skip
    assert (runs[1].session, runs[1].run) == ("", "")
    assert runs[0].events.name == "sub-01_task-a_dir-AP_events.tsv"


def test_leftovers_of_downloads_are_no_runs(tmp_path):
    path = add_run(tmp_path, "a01", "01")
    path.with_name(path.name + ".part").touch()
    assert [run.bold for run in bids.find_runs(tmp_path, "sub-01")] == [path]


def misplace(root, name):
    path = add_run(root, "a01", "01")
    path.rename(path.with_name(f"{name}_task-perception_run-01_bold.nii.gz"))
    (path.parent / f"{name}_task-perception_run-01_events.tsv").write_text(EVENTS)


def test_other_entities_are_taken(tmp_path):
    path = add_run(tmp_path, "a01", "01")
    path.rename(path.with_name("sub-01_ses-a01_task-perception_dir-AP_run-01_bold.nii.gz"))
    events = path.with_name(path.name.replace("_bold.nii.gz", "_events.tsv"))
    events.rename(events.with_name("sub-01_ses-a01_task-perception_dir-AP_run-01_events.tsv"))
    (run,) = bids.find_runs(tmp_path, "sub-01")
    assert run.name == "ses-a01_task-perception_run-01"
    assert run.events.is_file()


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda root: None, "no subject 'sub-01'; found none"),
        (lambda root: (root / "sub-02").mkdir(), "no subject 'sub-01'; found sub-02"),
        (lambda root: (root / "sub-01").mkdir(), "no runs"),
        (lambda root: add_run(root, "a01", "01", events=False), "no events file"),
        (
            lambda root: [add_run(root, "a01", "01"), add_run(root, "a01", "01", suffix=".nii")],
            "the same run as",
        ),
        (lambda root: [add_run(root, "a01", run) for run in ("1", "01")], "the same run as"),
        (lambda root: misplace(root, "sub-02_ses-a01"), "named sub-02_ses-a01, unlike its folders"),
        (lambda root: misplace(root, "sub-01_ses-a02"), "named sub-01_ses-a02, unlike its folders"),
        (lambda root: add_run(root, "a01", "one"), "expected a name like"),
        (lambda root: misplace(root, "sub-01"), "named sub-01, unlike its folders"),
        (
            lambda root: [add(root, f"ses-a/func/sub-01_ses-a_task-b_acq-{x}") for x in "xy"],
            r"task-b_acq-y_bold\.nii\.gz: the same run as .*task-b_acq-x_bold\.nii\.gz",
        ),
        (lambda root: add(root, "func/sub-01_task-b_run-1_echo-2"), "one echo of several"),
        (lambda root: add(root, "func/sub-01_ses-a_task-b"), "sub-01_ses-a, unlike its folders"),
        (lambda root: add(root, "func/sub-01_run-1"), "expected a name like"),
        (lambda root: add(root, "func/sub-01_task-b-c_run-1"), "expected a name like"),
    ],
)
def test_bad_data_sets(tmp_path, prepare, message):
    prepare(tmp_path)
    with pytest.raises(InputError, match=message):
        bids.find_runs(tmp_path, "sub-01")


def test_missing_data_set():
    with pytest.raises(InputError, match="no such folder"):
        bids.find_runs("nowhere", "sub-01")


def test_repetition_time_from_the_nearest_sidecar(tmp_path):
    path = add_run(tmp_path, "a01", "01")
    (tmp_path / "task-perception_bold.json").write_text(json.dumps({"RepetitionTime": 2.0}))
    assert sidecars.repetition_time(path) == 2.0
    path.with_name(path.name.replace(".nii.gz", ".json")).write_text('{"RepetitionTime": 2.0004}')
    assert sidecars.repetition_time(path) == 2.0004


def test_sidecars_inherit_key_by_key(tmp_path):
    """The example of the BIDS specification: what is nearer overrides, the rest stays."""
    path = add_run(tmp_path, "a01", "01")
    (tmp_path / "bold.json").write_text('{"a": 1, "b": 1, "c": 1, "d": 1}')
    (tmp_path / "task-perception_bold.json").write_text('{"b": 2, "c": 2, "d": 2}')
    (tmp_path / "task-other_bold.json").write_text('{"b": 3}')
    (tmp_path / "task-perception_run-02_bold.json").write_text('{"b": 3}')
    (tmp_path / "task-perception_events.json").write_text('{"b": 3}')
    (tmp_path.parent / "task-perception_bold.json").write_text('{"b": 3, "e": 3}')
    (tmp_path / "sub-01/sub-01_bold.json").write_text('{"c": 4, "d": 4}')
    path.with_name(path.name.replace(".nii.gz", ".json")).write_text('{"d": 5}')
    found = {key: sidecars.sidecar_value(path, key) for key in "abcd"}
    assert {key: value for key, (value, _) in found.items()} == {"a": 1, "b": 2, "c": 4, "d": 5}
    assert found["c"][1] == tmp_path / "sub-01/sub-01_bold.json"
    assert [p.name for p in sidecars.find_sidecars(path)] == [
        "sub-01_ses-a01_task-perception_run-01_bold.json", "sub-01_bold.json",
        "task-perception_bold.json", "bold.json",
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"run-01_bold\.json: no e$"):
        sidecars.sidecar_value(path, "e")
    assert sidecars.sidecar_value(path, "e", "k")[0] == "k"


# Of a perception run of ds001506: 76 slices, 4 at a time.
DS001506_SLICES = 4 * [
    0.0, 1.055, 0.105, 1.1625, 0.21, 1.2675, 0.3175, 1.3725, 0.4225, 1.4775, 0.5275, 1.585, 0.6325,
    1.69, 0.74, 1.795, 0.845, 1.9025, 0.95,
]  # fmt: skip


def sliced_run(root, shape, **sidecar):
    path = add_run(root, "a01", "01")
    image = nib.Nifti1Image(np.zeros((*shape, 2), np.int16), np.eye(4))
    image.header.set_zooms((1, 1, 1, 2.0))
    nib.save(image, path)
    content = {"RepetitionTime": 2.0, **sidecar}
    (root / "task-perception_bold.json").write_text(json.dumps(content))
    return path


def test_slice_times_of_ds001506(tmp_path):
    times, axis = sidecars.slice_times(
        sliced_run(tmp_path, (2, 3, 76), SliceTiming=DS001506_SLICES)
    )
    assert axis == 2
    assert times.shape == (76,)
    assert times.max() == 1.9025
    np.testing.assert_array_equal(times, DS001506_SLICES)


@pytest.mark.parametrize(
    ("direction", "axis", "expected"),
    [
        ("k", 2, [0, 0.5, 1, 1.5]), ("k-", 2, [1.5, 1, 0.5, 0]),
        ("j-", 1, [1.5, 1, 0.5, 0]), ("i", 0, [0, 0.5, 1, 1.5]),
    ],
)  # fmt: skip
def test_slice_direction(tmp_path, direction, axis, expected):
    shape = [2, 2, 2]
    shape[axis] = 4
    path = sliced_run(
        tmp_path, shape, SliceTiming=[0, 0.5, 1, 1.5], SliceEncodingDirection=direction
    )
    times, found = sidecars.slice_times(path)
    assert found == axis
    assert times.tolist() == expected


@pytest.mark.parametrize(
    ("sidecar", "message"),
    [
        ({}, r"task-perception_bold\.json: no SliceTiming"),
        ({"SliceTiming": [0, 1]}, r"2 slice times, but .*_bold\.nii\.gz has 3 slices along k"),
        (
            {"SliceTiming": [0, 1, 2.0]},
            "a slice time of 2 s, expected 0 or more and less than .* 2 s",
        ),
        ({"SliceTiming": [0, 500, 1000]}, "a slice time of 500 s"),
        ({"SliceTiming": [0, -0.5, 1]}, "a slice time of -0.5 s"),
        ({"SliceTiming": [0, float("nan"), 1]}, "a slice time of nan s"),
        ({"SliceTiming": "ascending"}, "SliceTiming is not a list of numbers"),
        ({"SliceTiming": None}, "SliceTiming is not a list of numbers"),
        ({"SliceTiming": [[0, 1, 1]]}, "SliceTiming is not a list of numbers"),
        ({"SliceTiming": [0, [1], 1]}, "SliceTiming is not a list of numbers"),
        (
            {"SliceTiming": [0, 1, 1], "SliceEncodingDirection": "z"},
            "SliceEncodingDirection is 'z', expected i, j or k",
        ),
    ],
)
def test_bad_slice_times(tmp_path, sidecar, message):
    with pytest.raises(InputError, match=message):
        sidecars.slice_times(sliced_run(tmp_path, (2, 2, 3), **sidecar))


def test_repetition_time_in_milliseconds(tmp_path):
    path = add_run(tmp_path, "a01", "01", suffix=".nii")
    image = nib.Nifti1Image(np.zeros((3, 3, 3, 4), np.int16), np.eye(4))
    image.header.set_zooms((1, 1, 1, 2000.0))
    image.header.set_xyzt_units("mm", "msec")
    nib.save(image, path)
    (tmp_path / "task-perception_bold.json").write_text('{"RepetitionTime": 2.0}')
    assert sidecars.repetition_time(path) == 2.0


@pytest.mark.parametrize(
    ("sidecar", "message"),
    [
        (None, "no sidecar"),
        ('{"RepetitionTime": 3.0}', "the header says 2 s a volume, .* says 3 s"),
        ('{"EchoTime": 0.04}', r"task-perception_bold\.json: no RepetitionTime"),
        ("{", "not a readable JSON file"),
        ("[1]", "a list, expected keys with values"),
        ('{"RepetitionTime": "2"}', "RepetitionTime is '2', expected a number"),
        ('{"RepetitionTime": true}', "RepetitionTime is True, expected a number"),
        ('{"RepetitionTime": NaN}', "RepetitionTime is nan s, expected more than 0"),
        ('{"RepetitionTime": -2.0}', "RepetitionTime is -2 s, expected more than 0"),
    ],
)
def test_bad_sidecars(tmp_path, sidecar, message):
    path = add_run(tmp_path, "a01", "01")
    if sidecar:
        (tmp_path / "task-perception_bold.json").write_text(sidecar)
    with pytest.raises(InputError, match=message):
        sidecars.repetition_time(path)


@pytest.mark.parametrize("in_header", [0.0, np.nan, 2.002])
def test_header_without_the_repetition_time(tmp_path, in_header):
    path = add_run(tmp_path, "a01", "01")
    image = nib.load(path)
    image.header["pixdim"][4] = in_header
    nib.save(nib.Nifti1Image(np.zeros((3, 3, 3, 4)), np.eye(4), image.header), path)
    (tmp_path / "task-perception_bold.json").write_text('{"RepetitionTime": 2.0}')
    with pytest.raises(InputError, match=f"the header says {in_header:g} s a volume, .* says 2 s"):
        sidecars.repetition_time(path)


@pytest.mark.parametrize("kind", ["link", "pointer", "cut off"])
def test_scan_that_is_not_there_yet(tmp_path, kind):
    """What a clone by DataLad, or a broken download, leaves in place of a scan."""
    path = add_run(tmp_path, "a01", "01")
    (tmp_path / "task-perception_bold.json").write_text('{"RepetitionTime": 2.0}')
    content = path.read_bytes()
    path.unlink()
    if kind == "link":
        path.symlink_to("../../../.git/annex/objects/none.nii.gz")
    else:
        path.write_bytes(b"/annex/objects/none.nii.gz\n" if kind == "pointer" else content[:50])
    assert len(bids.find_runs(tmp_path, "sub-01")) == 1
    with pytest.raises(InputError, match="not a readable NIfTI image, or not fetched"):
        sidecars.repetition_time(path)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_damaged_scans_are_read_or_refused_never_anything_else(tmp_path, suffix):
    rng = np.random.default_rng(0)
    path = add_run(tmp_path, "a01", "01", suffix=suffix)
    (tmp_path / "task-perception_bold.json").write_text('{"RepetitionTime": 2.0}')
    content = path.read_bytes()
    refused = 0
    places = [*rng.integers(min(len(content), 348), size=60)]
    if suffix == ".nii":
        places += [70, 123] * 3  # the bytes of the data type and of the units
    for place in places:
        damaged = bytearray(content)
        damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            sidecars.repetition_time(path)
        except InputError:
            refused += 1
    assert refused > 3


def test_anatomy_and_masks(tmp_path):
    with pytest.raises(InputError, match="no subject"):
        bids.find_anatomy(tmp_path, "sub-01")
    anat = tmp_path / "sub-01/ses-anatomy/anat"
    anat.mkdir(parents=True)
    with pytest.raises(InputError, match=r"expected one .*, found none"):
        bids.find_anatomy(tmp_path, "sub-01")
    (anat / "sub-01_ses-anatomy_T1w.nii.gz").touch()
    assert bids.find_anatomy(tmp_path, "sub-01").name == "sub-01_ses-anatomy_T1w.nii.gz"
    (anat / "sub-01_ses-anatomy_run-2_T1w.nii.gz").touch()
    with pytest.raises(InputError, match="expected one"):
        bids.find_anatomy(tmp_path, "sub-01")

    with pytest.raises(InputError, match="no ROI masks"):
        bids.find_roi_masks(tmp_path, "sub-01")
    folder = tmp_path / "sourcedata/sub-01/anat"
    folder.mkdir(parents=True)
    for name in ("LH_V1d", "RH_V1d", "LH_hV4"):
        (folder / f"sub-01_mask_{name}.nii.gz").touch()
    masks = bids.find_roi_masks(tmp_path, "sub-01")
    assert {name: len(paths) for name, paths in masks.items()} == {"V1d": 2, "hV4": 1}


def test_inplane_image_of_a_session(tmp_path):
    for session in ("ses-a01", "ses-a02", ""):
        folder = tmp_path / "sub-01" / session / "anat"
        folder.mkdir(parents=True)
        with pytest.raises(InputError, match=r"expected one .*inplaneT2\.nii\.gz, found none"):
            bids.find_inplane(tmp_path, "sub-01", session)
        stem = "_".join(part for part in ("sub-01", session) if part)
        (folder / f"{stem}_T1w.nii.gz").touch()
        (folder / f"{stem}_inplaneT2.nii.gz").touch()
    assert bids.find_inplane(tmp_path, "sub-01", "ses-a02") == (
        tmp_path / "sub-01/ses-a02/anat/sub-01_ses-a02_inplaneT2.nii.gz"
    )
    assert bids.find_inplane(tmp_path, "sub-01", "").name == "sub-01_inplaneT2.nii.gz"
    (folder / "sub-01_run-2_inplaneT2.nii.gz").touch()
    with pytest.raises(
        InputError, match=r"expected one .*found anat/sub-01_inplaneT2.*, anat/sub-01_run-2_inplane"
    ):
        bids.find_inplane(tmp_path, "sub-01", "")
