import zipfile

import pytest
import torch
from torch import nn

from deeprecon.errors import InputError
from deeprecon.features.weights import read_weights, sha256_of, write_weights


def small(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(8, 4))


OWN = small().state_dict()


@pytest.fixture
def saved(tmp_path):
    torch.save(OWN, tmp_path / "w.pt")
    return tmp_path / "w.pt"


def assert_same(found):
    assert list(found) == list(OWN)
    for name, values in OWN.items():
        assert torch.equal(found[name], values)


def test_a_state_dict(saved):
    weights = read_weights(saved, OWN)
    assert_same(weights.state)
    assert weights.sha256 == sha256_of(saved)


def test_a_state_dict_of_parallel_training_and_one_in_a_checkpoint(tmp_path):
    parallel = {f"module.{name}": values for name, values in OWN.items()}
    torch.save({"state_dict": parallel, "epoch": 3}, tmp_path / "w.pth")
    assert_same(read_weights(tmp_path / "w.pth", OWN).state)


def test_a_zip_whatever_folder_the_file_lies_in(saved, tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as file:
        file.write(saved, "VGG/deep/VGG_ILSVRC_19_layers.pt")
        file.writestr("VGG/other.pt", b"")
        file.writestr("__MACOSX/VGG/._VGG_ILSVRC_19_layers.pt", b"")
    assert_same(read_weights(tmp_path / "all.zip", OWN, member="VGG_ILSVRC_19").state)
    with pytest.raises(InputError, match=r"found VGG/deep/VGG_IL.*, VGG/other.pt; expected one"):
        read_weights(tmp_path / "all.zip", OWN)


def test_what_is_written_remembers_where_it_came_from(saved, tmp_path):
    weights = read_weights(saved, OWN)
    write_weights(tmp_path / "own.pt", weights)
    again = read_weights(tmp_path / "own.pt", OWN)
    assert_same(again.state)
    assert again.sha256 == sha256_of(saved)
    assert b"own" not in (tmp_path / "own.pt").read_bytes()  # the same bytes whatever its name


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("0.bias"), r"no weights '0.bias', expected shape \(2,\)"),
        (lambda s: (s.pop("0.bias"), s.pop("2.bias")), "no weights '0.bias' and 1 more"),
        (lambda s: s.update({"2.weight": torch.zeros(4, 9)}), r"of shape \(4, 9\), expected \(4,"),
        (lambda s: s.update({"3.bias": torch.zeros(1)}), "weights '3.bias', which the network"),
        (lambda s: s.update({"x": 3}), "found dict, expected a state dict of tensors"),
    ],
)
def test_weights_that_do_not_fit(tmp_path, change, message):
    state = dict(OWN)
    change(state)
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(InputError, match=message):
        read_weights(tmp_path / "w.pt", OWN)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.pt", b"no weights", "not a readable torch file of weights"),
        ("w.pt", b"", "not a readable torch file of weights"),
        ("w.zip", b"no zip", "not a readable zip file"),
        ("w.caffemodel", b"x", "only torch files can be read"),
    ],
)
def test_files_that_are_something_else(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_weights(tmp_path / name, OWN)
    with pytest.raises(InputError, match="no such file of weights"):
        read_weights(tmp_path / "none.pt", OWN)


def test_a_file_cut_short(saved):
    saved.write_bytes(saved.read_bytes()[:-300])
    with pytest.raises(InputError, match="not a readable torch file"):
        read_weights(saved, OWN)
