"""Decoded features in the lab's files: written as bdpy reads them, and both layouts read."""

import hashlib
import re
import struct
import zipfile
from importlib.resources import files

import h5py
import numpy as np
import pytest
import scipy.io

from deeprecon.decode import kamitani
from deeprecon.decode.export import export_decoded, export_layer
from deeprecon.decode.kamitani import read_layer
from deeprecon.decode.mat import read_mat, write_feature_index, write_mat
from deeprecon.errors import InputError
from deeprecon.features.store import new_features, write_features

RNG = np.random.default_rng(0)
IDS = ["1518878.005958", "letter a", "007"]
SHAPE = (2, 3, 5)  # axes of different lengths: a wrong order cannot pass
VALUES = RNG.normal(size=(3, *SHAPE)).astype(np.float32)
FEAT = RNG.normal(size=SHAPE).astype(np.float32)


def refused(*words):
    """An InputError on one line with these words in this order."""
    return pytest.raises(InputError, match="^" + ".*".join(map(re.escape, ["", *words, ""])) + "$")


def all_files(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


# MATLAB files


@pytest.mark.parametrize("array", [FEAT[None], FEAT[0], np.float64([[1.5]]), np.array([[3, 1]])])
def test_arrays_come_back_with_their_axes(array, tmp_path):
    write_mat(tmp_path / "a.mat", "feat", array)
    found = read_mat(tmp_path / "a.mat")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, array.astype(np.float32))


def test_the_file_is_what_matlab_writes(tmp_path):
    write_mat(tmp_path / "a.mat", "x", FEAT[None])
    data = (tmp_path / "a.mat").read_bytes()
    # The date does not depend on when the test runs.
    assert data.startswith(
        b"MATLAB 7.3 MAT-file, Platform: deeprecon, Created on: Thu Jan  1 00:00"
    )
    assert data[116:128] == bytes(8) + struct.pack("<H", 0x0200) + b"IM"
    assert data[512:520] == b"\x89HDF\r\n\x1a\n"
    with h5py.File(tmp_path / "a.mat") as file:
        assert file["x"].shape == (5, 3, 2, 1)
        assert file["x"].dtype == np.float32
        assert file["x"].attrs["MATLAB_class"] == b"single"
    with pytest.raises(NotImplementedError, match="HDF"):  # SciPy knows it as v7.3
        scipy.io.loadmat(tmp_path / "a.mat")


def test_written_twice_a_file_is_the_same(tmp_path):
    for name in "ab":
        write_mat(tmp_path / f"{name}.mat", "feat", FEAT)
        write_feature_index(tmp_path / f"{name}-index.mat", {"conv1": np.array([1, 4])})
    assert (tmp_path / "a.mat").read_bytes() == (tmp_path / "b.mat").read_bytes()
    index = (tmp_path / "a-index.mat").read_bytes()
    assert index == (tmp_path / "b-index.mat").read_bytes()
    assert len(all_files(tmp_path)) == 4


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    write_mat(tmp_path / "a.mat", "feat", FEAT)

    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(OSError, match=r"No space left on device: .*a\.mat"):
        write_mat(tmp_path / "a.mat", "feat", FEAT + 1)
    np.testing.assert_array_equal(read_mat(tmp_path / "a.mat"), FEAT)
    assert all_files(tmp_path) == ["a.mat"]


@pytest.mark.parametrize("compressed", [False, True])
def test_v5_files_are_read(compressed, tmp_path):
    double = FEAT.astype(np.float64)
    scipy.io.savemat(tmp_path / "a.mat", {"feat": double, "b": 1.0}, do_compression=compressed)
    found = read_mat(tmp_path / "a.mat")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, FEAT)


def test_v73_files_without_a_header_or_the_attributes_are_read(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["feat"] = FEAT.T
    np.testing.assert_array_equal(read_mat(tmp_path / "a.mat"), FEAT)


def test_hdf5storage_reads_the_same(tmp_path):
    hdf5storage = pytest.importorskip("hdf5storage")
    sparse = pytest.importorskip("bdpy.dataform.sparse")
    write_mat(tmp_path / "a.mat", "feat", FEAT[None])
    for found in (
        hdf5storage.loadmat(str(tmp_path / "a.mat"))["feat"],
        sparse.load_array(str(tmp_path / "a.mat"), key="feat"),
    ):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, FEAT[None])


def test_what_bdpy_writes_is_read(tmp_path):
    sparse = pytest.importorskip("bdpy.dataform.sparse")
    path = str(tmp_path / "a.mat")
    sparse.save_array(path, FEAT[None], key="feat", dtype=np.float32, sparse=False)
    np.testing.assert_array_equal(read_mat(path), FEAT[None])
    sparse.save_array(path, FEAT[None], key="feat", dtype=np.float32, sparse=True)
    with refused("a.mat", "feat: found a struct"):
        read_mat(path)


def test_missing_and_damaged_files_are_refused(tmp_path):
    path = tmp_path / "a.mat"
    with refused("a.mat", "not a readable MATLAB file", "No such file"):
        read_mat(path)
    for data in (b"", b"not MATLAB", bytes(2000), b"<html>" * 100):
        path.write_bytes(data)
        with refused("a.mat", "not a readable MATLAB file"):
            read_mat(path)


@pytest.mark.parametrize("version", ["v5", "v7.3"])
def test_half_a_file_is_refused(version, tmp_path):
    path = tmp_path / "a.mat"
    feat = RNG.normal(size=(8, 9, 10)).astype(np.float32)
    if version == "v5":
        scipy.io.savemat(path, {"feat": feat}, do_compression=True)
    else:
        write_mat(path, "feat", feat)
    data = path.read_bytes()
    for stop in (200, 530, len(data) // 2, len(data) - 50):
        path.write_bytes(data[:stop])
        with refused("a.mat", ""):
            read_mat(path)


@pytest.mark.parametrize("version", ["v5", "v7.3"])
def test_a_file_without_the_variable_says_what_it_has(version, tmp_path):
    if version == "v5":
        scipy.io.savemat(tmp_path / "a.mat", {"recon": FEAT, "b": 1.0})
    else:
        write_mat(tmp_path / "a.mat", "recon", FEAT)
    with refused("a.mat", "no variable 'feat'", "found recon"):
        read_mat(tmp_path / "a.mat")
    np.testing.assert_array_equal(read_mat(tmp_path / "a.mat", "recon"), FEAT)


@pytest.mark.parametrize("wrong", ["text", {"a": 1.0}, np.array([[1j]]), np.zeros((0, 3))])
def test_what_is_no_array_of_numbers_is_refused(wrong, tmp_path):
    scipy.io.savemat(tmp_path / "a.mat", {"feat": wrong})
    with refused("a.mat", "feat: found", "expected an array of real numbers"):
        read_mat(tmp_path / "a.mat")


@pytest.mark.parametrize(
    ("attributes", "found"),
    [
        ({"MATLAB_class": "char"}, "found char"),
        ({"MATLAB_class": "logical"}, "found logical"),
        # MATLAB stores the shape of an empty array.
        ({"MATLAB_class": "double", "MATLAB_empty": 1}, "found empty double"),
    ],
)
def test_numbers_that_stand_for_something_else_are_refused(attributes, found, tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["feat"] = np.array([[104], [105]], np.uint16)
        for key, value in attributes.items():
            file["feat"].attrs[key] = np.bytes_(value) if isinstance(value, str) else value
    with refused("a.mat", found):
        read_mat(tmp_path / "a.mat")


# Export


def decoded_file(path, values=VALUES, stimulus_id=IDS, **more):
    """A file as deeprecon.decode.stream writes it."""
    with new_features(path, values.shape[1:], stimulus_id, {"network": "x"}, more) as dataset:
        dataset[...] = values
    return path


def study(root, layers=("conv1", "fc8"), decoders=("ridge",), **more):
    """A folder of results: two subjects, an ROI, a set; values differ everywhere."""
    found = {}
    for k, (subject, decoder, layer) in enumerate(
        (s, d, n) for s in ("sub-01", "sub-02") for d in decoders for n in layers
    ):
        found[subject, decoder, layer] = VALUES + k
        decoded_file(root / f"decoded/{subject}/VC/{decoder}/test/{layer}.h5", VALUES + k, **more)
    return found


def test_a_layer_is_written_a_file_for_each_stimulus(tmp_path):
    assert export_layer(decoded_file(tmp_path / "f.h5"), tmp_path / "out") == 3
    assert all_files(tmp_path / "out") == ["007.mat", "1518878.005958.mat", "letter a.mat"]
    for name, row in zip(IDS, VALUES, strict=True):
        np.testing.assert_array_equal(read_mat(tmp_path / f"out/{name}.mat"), row[None])


def test_single_samples_are_numbered_by_row(tmp_path):
    path = decoded_file(tmp_path / "f.h5", stimulus_id=["b", "a", "b"], repetition=[1, 1, 2])
    assert export_layer(path, tmp_path / "out") == 3
    names = ["sample000001-b.mat", "sample000002-a.mat", "sample000003-b.mat"]
    assert all_files(tmp_path / "out") == names
    np.testing.assert_array_equal(read_mat(tmp_path / "out" / names[2]), VALUES[2:])


def test_a_layer_exported_twice_is_the_same(tmp_path):
    path = decoded_file(tmp_path / "f.h5")
    export_layer(path, tmp_path / "out")
    first = [(tmp_path / "out" / name).read_bytes() for name in all_files(tmp_path / "out")]
    export_layer(path, tmp_path / "out")
    assert first == [(tmp_path / "out" / name).read_bytes() for name in all_files(tmp_path / "out")]


@pytest.mark.parametrize("wrong", ["../a", "a/b", "", ".", ".."])
@pytest.mark.parametrize("more", [{}, {"repetition": [1, 1, 1]}])
def test_ids_that_are_no_file_names_are_refused_before_anything_is_written(wrong, more, tmp_path):
    path = decoded_file(tmp_path / "f.h5", stimulus_id=["a", "b", wrong], **more)
    with refused("f.h5", f"stimulus id {wrong!r}"):
        export_layer(path, tmp_path / "out")
    assert all_files(tmp_path) == ["f.h5"]


def test_rows_that_would_be_one_file_are_refused(tmp_path):
    path = decoded_file(tmp_path / "f.h5", stimulus_id=["a", "b", "a"])
    with refused("f.h5", "2 rows of stimulus 'a'"):
        export_layer(path, tmp_path / "out")
    assert all_files(tmp_path) == ["f.h5"]


def test_files_of_an_export_with_other_stimuli_are_refused(tmp_path):
    export_layer(decoded_file(tmp_path / "f.h5"), tmp_path / "out")
    path = decoded_file(tmp_path / "f.h5", stimulus_id=["x", *IDS[1:]])
    with refused("out", "found 1 files", "1518878.005958.mat"):
        export_layer(path, tmp_path / "out")
    assert "x.mat" not in all_files(tmp_path / "out")


def test_a_file_that_is_none_of_features_is_refused(tmp_path):
    (tmp_path / "f.h5").write_bytes(b"no")
    with refused("f.h5", "not a readable HDF5 file of features"):
        export_layer(tmp_path / "f.h5", tmp_path / "out")
    decoded_file(tmp_path / "f.h5")
    with h5py.File(tmp_path / "f.h5", "a") as file:
        del file["stimulus_id"]
        file["stimulus_id"] = ["a", "b"]
    with refused("f.h5", "3 feature rows but 2 stimuli"):
        export_layer(tmp_path / "f.h5", tmp_path / "out")


def test_a_study_is_written_as_the_lab_s_tree(tmp_path):
    found = study(tmp_path / "s", decoders=("ridge", "sparse"))
    # What lies beside decoded features in a study, and what a killed job has left.
    folder = tmp_path / "s/decoded/sub-01/VC/ridge"
    write_features(folder / "weights/conv1.h5", VALUES, IDS, {})
    write_features(folder / "cross_validation/conv1.h5", VALUES, IDS, {})
    write_features(folder / "test/.17-conv1.h5", VALUES, IDS, {})
    (folder / "scores.tsv").write_text("x")
    assert export_decoded(tmp_path / "s", tmp_path / "out") == 24
    assert all_files(tmp_path / "out") == sorted(
        f"{decoder}/test/{layer}/{subject}/VC/{name}.mat"
        for subject, decoder, layer in found
        for name in IDS
    )
    for (subject, decoder, layer), values in found.items():
        path = tmp_path / f"out/{decoder}/test/{layer}/{subject}/VC/007.mat"
        np.testing.assert_array_equal(read_mat(path), values[2:])


def test_one_decoder_of_a_study_is_written(tmp_path):
    study(tmp_path / "s", decoders=("ridge", "sparse"))
    assert export_decoded(tmp_path / "s", tmp_path / "out", "sparse") == 12
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["sparse"]
    with refused("decoded", "no decoder 'rigde'", "found ridge, sparse"):
        export_decoded(tmp_path / "s", tmp_path / "out", "rigde")


def test_a_folder_without_decoded_features_is_refused(tmp_path):
    write_features(tmp_path / "decoded/sub-01/VC/ridge/weights/conv1.h5", VALUES, IDS, {})
    with refused("decoded: no decoded features, expected {subject}/{roi}/{decoder}/{set}/"):
        export_decoded(tmp_path, tmp_path / "out")


def test_a_study_with_a_wrong_id_writes_nothing(tmp_path):
    study(tmp_path / "s")
    decoded_file(tmp_path / "s/decoded/sub-02/VC/ridge/test/fc8.h5", stimulus_id=["a", "b", "c/d"])
    with refused("fc8.h5", "'c/d'"):
        export_decoded(tmp_path / "s", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_sampled_units_that_differ_between_subjects_are_refused(tmp_path):
    root = tmp_path / "s/decoded"
    for subject, units in (("sub-01", [0, 5]), ("sub-02", [0, 6])):
        decoded_file(root / subject / "VC/ridge/test/fc8.h5", VALUES[:, 0, 0, :2], unit=units)
    with refused("sub-01", "sub-02", "units differ"):
        export_decoded(tmp_path / "s", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def dataform():
    return pytest.importorskip("bdpy.dataform")


def test_bdpy_reads_an_exported_study(dataform, tmp_path):
    found = study(tmp_path / "s")
    export_decoded(tmp_path / "s", tmp_path / "out")
    theirs = dataform.DecodedFeatures(path=str(tmp_path / "out/ridge/test"))
    assert sorted(theirs.layers) == ["conv1", "fc8"]
    assert sorted(theirs.subjects) == ["sub-01", "sub-02"]
    assert sorted(theirs.labels) == sorted(IDS)
    for (subject, _, layer), values in found.items():
        for name, row in zip(IDS, values, strict=True):
            feat = theirs.get(layer=layer, subject=subject, roi="VC", label=name)
            np.testing.assert_array_equal(feat, row[None])


def test_bdpy_takes_the_exported_units_from_true_features(dataform, tmp_path):
    """As the lab compares: true features at feature_index against decoded ones, unit by unit."""
    units = {"conv1": np.array([0, 7, 11, 28]), "fc8": np.array([3])}
    for layer, places in units.items():
        decoded = VALUES.reshape(3, -1)[:, places]  # as if decoded without error
        path = tmp_path / f"s/decoded/sub-01/VC/ridge/test/{layer}.h5"
        decoded_file(path, decoded, unit=places, unit_shape=SHAPE)
        for name, row in zip(IDS, VALUES, strict=True):
            write_mat(tmp_path / f"true/{layer}/{name}.mat", "feat", row[None])
    assert export_decoded(tmp_path / "s", tmp_path / "out") == 7
    there = tmp_path / "out/ridge/test"
    true = dataform.Features(str(tmp_path / "true"), feature_index=str(there / "feature_index.mat"))
    theirs = dataform.DecodedFeatures(path=str(there))
    for layer, places in units.items():
        assert true.get(layer, IDS).shape == (3, len(places))
        for name in IDS:
            feat = theirs.get(layer=layer, subject="sub-01", roi="VC", label=name)
            np.testing.assert_array_equal(feat, true.get(layer, name))
    # All at once: the index is not among the stimuli.
    assert theirs.get(layer="conv1", subject="sub-01", roi="VC").shape == (3, 4)


# Files of the lab

PLACE = "natural/VGG19/conv1_1/S1/VC"
ARCHIVE = "decodedfeatures-natural-VGG19-conv1_1-S1.zip"
OWN_ARCHIVE = ARCHIVE.replace("S1", "S9")  # not among the published


def published(root, kind="natural", network="VGG19", layer="conv1_1", subject="S1", roi="VC"):
    """Three images as the lab published them: MATLAB v5, doubles, no axis of stimuli."""
    folder = root / kind / network / layer / subject / roi
    folder.mkdir(parents=True)
    for number in (10, 2, 1):
        name = f"{kind}-{network}-{layer}-{subject}-{roi}-Img{number:04d}.mat"
        scipy.io.savemat(folder / name, {"feat": (FEAT + number).astype(np.float64)})
    return folder


def zipped(root, archive, prefix=""):
    """The tree in `root` as a zip; the tree is removed."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name in reversed(all_files(root)):
            file.write(root / name, prefix + name)
            (root / name).unlink()
    return archive


NUMBERED = np.stack([FEAT + 1, FEAT + 2, FEAT + 10])
NAMES = ["Img0001", "Img0002", "Img0010"]


@pytest.mark.parametrize("below", ["", "decodedfeatures"])
def test_published_folders_are_read(below, tmp_path):
    folder = published(tmp_path / below)
    published(tmp_path / below, roi="V1")
    write_mat(folder / "of-another-program.mat", "feat", FEAT)
    features, names = read_layer(tmp_path, "conv1_1")
    assert names == NAMES
    assert features.dtype == np.float32
    np.testing.assert_array_equal(features, NUMBERED)


@pytest.mark.parametrize("prefix", ["", "decodedfeatures/", "./"])
def test_published_zips_are_read_and_not_extracted(prefix, tmp_path):
    published(tmp_path / "tree", subject="S9")
    published(tmp_path / "tree", subject="S9", roi="V1")
    (tmp_path / "tree/notes.txt").write_text("x")
    (tmp_path / "zips").mkdir()
    zipped(tmp_path / "tree", tmp_path / "zips" / OWN_ARCHIVE, prefix)
    for roi in ("VC", "V1"):
        features, names = read_layer(tmp_path / "zips", "conv1_1", subject="S9", roi=roi)
        assert names == NAMES
        np.testing.assert_array_equal(features, NUMBERED)
    assert all_files(tmp_path / "zips") == [OWN_ARCHIVE]


def test_the_roi_of_a_zip_is_the_one_that_is_asked_for(tmp_path):
    published(tmp_path / "tree", subject="S9")
    folder = published(tmp_path / "tree", subject="S9", roi="V1")
    scipy.io.savemat(folder / "natural-VGG19-conv1_1-S9-V1-Img0001.mat", {"feat": FEAT * 7})
    zipped(tmp_path / "tree", tmp_path / OWN_ARCHIVE)
    found = read_layer(tmp_path, "conv1_1", subject="S9", roi="V1")[0]
    np.testing.assert_array_equal(found[0], FEAT * 7)
    found = read_layer(tmp_path, "conv1_1", subject="S9", roi="VC")[0]
    np.testing.assert_array_equal(found[0], FEAT + 1)


def test_the_modern_layout_is_read_as_exported(tmp_path):
    found = study(tmp_path / "s")
    export_decoded(tmp_path / "s", tmp_path / "out")
    features, names = read_layer(tmp_path / "out/ridge/test", "fc8", subject="sub-02")
    assert names == sorted(IDS)
    order = [IDS.index(name) for name in names]
    np.testing.assert_array_equal(features, found["sub-02", "ridge", "fc8"][order])


@pytest.mark.parametrize("column", [False, True])
def test_fc_layers_have_one_axis_of_units(column, tmp_path):
    folder = published(tmp_path, layer="fc6")
    units = np.arange(6.0)[None]
    for path in folder.iterdir():
        scipy.io.savemat(path, {"feat": units.T if column else units})
    features, _ = read_layer(tmp_path, "fc6")
    np.testing.assert_array_equal(features, np.repeat(units, 3, axis=0))


def test_the_table_has_the_published_zips():
    lines = files("deeprecon.decode").joinpath("kamitani_files.tsv").read_text().splitlines()
    assert lines[0].split("\t") == ["file", "figshare_id", "md5"]
    rows = [line.split("\t") for line in lines[1:]]
    name = r"decodedfeatures-(\w+)-(VGG19(?:_leaky)?)-((?:conv\d_\d|fc\d|pool\d))-S[123]\.zip"
    matches = [re.fullmatch(name, row[0]) for row in rows]
    assert {match[1] for match in matches} == set(kamitani.KINDS)
    assert len({match[3] for match in matches}) == 24
    assert all(re.fullmatch(r"\d{8}", id_) and re.fullmatch(r"[0-9a-f]{32}", md5)
               for _, id_, md5 in rows)  # fmt: skip
    assert [len({row[i] for row in rows}) for i in range(3)] == [248, 248, 248]
    assert ["decodedfeatures-alphabet-VGG19-conv1_1-S1.zip", "12995840",
            "f33df0027c2e59338377b64c4aed2223"] in rows  # fmt: skip


def test_a_zip_that_is_not_the_published_one_is_refused(tmp_path, monkeypatch):
    published(tmp_path / "tree")
    zipped(tmp_path / "tree", tmp_path / ARCHIVE)
    md5 = hashlib.md5((tmp_path / ARCHIVE).read_bytes()).hexdigest()
    expected = kamitani._published_md5()[ARCHIVE]
    with refused(ARCHIVE, f"found MD5 {md5}", f"expected {expected}"):
        read_layer(tmp_path, "conv1_1")
    monkeypatch.setitem(kamitani._published_md5(), ARCHIVE, md5)
    assert read_layer(tmp_path, "conv1_1")[1] == NAMES


def test_a_damaged_zip_is_refused(tmp_path):
    published(tmp_path / "tree", subject="S9")
    data = bytearray(zipped(tmp_path / "tree", tmp_path / OWN_ARCHIVE).read_bytes())
    (tmp_path / OWN_ARCHIVE).write_bytes(data[: len(data) // 2])
    with refused(OWN_ARCHIVE, "not a readable zip"):
        read_layer(tmp_path, "conv1_1", subject="S9")
    data[len(data) // 3] ^= 255  # within the features of a stimulus
    (tmp_path / OWN_ARCHIVE).write_bytes(data)
    with refused(OWN_ARCHIVE, "Img00", "not a readable MATLAB file"):
        read_layer(tmp_path, "conv1_1", subject="S9")


def test_what_is_missing_is_named_with_what_there_is(tmp_path):
    published(tmp_path)
    published(tmp_path, layer="fc6", roi="V1")
    with refused("VGG19: no folder 'conv9_9'", "found conv1_1, fc6"):
        read_layer(tmp_path, "conv9_9")
    with refused("fc6/S1: no folder 'VC'", "found V1"):
        read_layer(tmp_path, "fc6")
    with refused("natural: no folder 'VGG19_leaky'", "found VGG19"):
        read_layer(tmp_path, "fc6", network="VGG19_leaky")
    with refused("kind 'nature'", "natural, color_shape, alphabet, imagery"):
        read_layer(tmp_path, "fc6", kind="nature")


def test_what_is_missing_among_zips_is_named_with_what_there_is(tmp_path):
    published(tmp_path / "tree", subject="S9")
    (tmp_path / "tree/Notes").mkdir()
    (tmp_path / "tree/Notes/notes.txt").write_text("x")
    zipped(tmp_path / "tree", tmp_path / OWN_ARCHIVE)
    with refused(OWN_ARCHIVE, "no member natural-VGG19-conv1_1-S9-V4-*.mat; found VC"):
        read_layer(tmp_path, "conv1_1", subject="S9", roi="V4")
    with refused("no decodedfeatures-natural-VGG19-fc6-S9.zip", "found layers conv1_1"):
        read_layer(tmp_path, "fc6", subject="S9")
    with refused("no decodedfeatures-natural-VGG19-fc6-S1.zip", "found natural-VGG19-*-S9"):
        read_layer(tmp_path, "fc6")


def test_what_is_missing_in_the_modern_layout_is_named_with_what_there_is(tmp_path):
    study(tmp_path / "s")
    export_decoded(tmp_path / "s", tmp_path / "out")
    there = tmp_path / "out/ridge/test"
    with refused("test: no folder 'conv9'", "found conv1, fc8"):
        read_layer(there, "conv9", subject="sub-01")
    with refused("conv1: no folder 'S1'", "found sub-01, sub-02"):
        read_layer(there, "conv1")
    with refused("sub-01: no folder 'V4'", "found VC"):
        read_layer(there, "conv1", subject="sub-01", roi="V4")
    with refused("nowhere: no folder 'conv1'", "found none"):
        read_layer(tmp_path / "nowhere", "conv1")
    (there / "conv1/sub-01/V4").mkdir()
    with refused("V4: no file *.mat"):
        read_layer(there, "conv1", subject="sub-01", roi="V4")


def test_shapes_that_differ_are_refused(tmp_path):
    folder = published(tmp_path)
    wrong = folder / "natural-VGG19-conv1_1-S1-VC-Img0002.mat"
    scipy.io.savemat(wrong, {"feat": FEAT[:1]})
    with refused("Img0002.mat", "shape (1, 3, 5)", "expected (2, 3, 5)", "Img0001.mat"):
        read_layer(tmp_path, "conv1_1")


def test_two_stimuli_in_a_file_of_the_modern_layout_are_refused(tmp_path):
    write_mat(tmp_path / "conv1/S1/VC/a.mat", "feat", VALUES[:2])
    with refused("a.mat", "shape (2, 2, 3, 5)", "expected (1, *unit_shape)"):
        read_layer(tmp_path, "conv1")
