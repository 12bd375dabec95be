import logging

import numpy as np
import pytest
import torch

from deeprecon.errors import InputError
from deeprecon.reconstruct.compute import Compute, device_of, in_batches
from deeprecon.reconstruct.invert import N_SNAPSHOT, reconstruct
from deeprecon.reconstruct.observers import Checkpoint, Progress
from deeprecon.reconstruct.presets import relevant, settings_of
from deeprecon.reconstruct.result import displayed
from deeprecon.reconstruct.settings import SearchSettings
from tests.reconstruct.tiny import SIZE, TinyNetwork, features, images, statistics

NETWORK = TinyNetwork()
STATISTICS = statistics(NETWORK)
TRUE = features(NETWORK, images())
CPU = Compute(device="cpu")


def search(targets=TRUE, settings=None, **options):
    settings = settings or SearchSettings(n_iterations=12, layer_weights="equal")
    options = {"decoded": False, "compute": CPU} | options
    return reconstruct(targets, NETWORK, SIZE, STATISTICS, settings, **options)


def test_true_features_give_the_image_back():
    result = search(settings=settings_of("deeprecon", {"n_iterations": 80}))
    assert result.images.shape == (3, SIZE, SIZE, 3)
    for true, found in zip(images(), result.images, strict=True):
        # 362 features do not determine 768 pixel values; the prior fills in the rest.
        assert np.corrcoef(true.ravel(), found.ravel())[0, 1] > 0.8
    assert (result.loss[-1] < 0.002).all()


def test_the_result_has_the_history_of_the_search():
    result = search(features(NETWORK, images(9)))
    n_evaluations = len(result.loss)
    assert result.loss.shape == (n_evaluations, 9)
    assert list(result.layer_loss) == NETWORK.layers
    assert all(value.shape == (9,) for value in result.layer_loss.values())
    assert result.snapshot_rows.tolist() == sorted(set(result.snapshot_rows.tolist()))
    assert result.snapshots.shape == (len(result.snapshot_evaluation), N_SNAPSHOT, SIZE, SIZE, 3)
    assert result.snapshot_evaluation.tolist()[:4] == [1, 2, 4, 8]
    assert result.snapshot_evaluation[-1] == n_evaluations
    np.testing.assert_array_equal(result.snapshots[-1], result.images[result.snapshot_rows])


def test_layer_loss_is_the_relative_distance_at_the_end():
    result = search(
        settings=SearchSettings(n_iterations=5, layer_weights="equal", loss="correlation")
    )
    found = features(NETWORK, result.raw)
    for layer, y in TRUE.items():
        far = ((found[layer] - y) ** 2).reshape(3, -1).sum(1)
        power = ((y - STATISTICS[layer].mean) ** 2).reshape(3, -1).sum(1)
        np.testing.assert_allclose(result.layer_loss[layer], far / power, rtol=1e-3)


def test_same_bits_each_time_and_nearly_the_same_in_any_batch():
    whole, again = search(), search()
    np.testing.assert_array_equal(whole.raw, again.raw)
    np.testing.assert_array_equal(whole.loss, again.loss)
    parts = search(compute=Compute(device="cpu", batch_size=2))
    np.testing.assert_allclose(whole.raw, parts.raw, atol=1.0)
    assert parts.snapshots.shape[1:] == whole.snapshots.shape[1:]


def test_of_several_starts_each_image_keeps_the_best():
    one = SearchSettings(n_iterations=3, start=1.0, layer_weights="equal")
    few = search(
        settings=SearchSettings(n_iterations=3, start=1.0, layer_weights="equal", n_starts=4)
    )
    assert set(few.start) <= {0, 1, 2, 3}
    assert len(set(few.start)) > 1
    first = search(settings=one)
    assert (few.loss[-1] <= first.loss[-1] + 1e-6).all()
    kept = few.start == 0
    np.testing.assert_array_equal(few.raw[kept], first.raw[kept])


def test_seeds_differ_where_starts_are_random():
    random = SearchSettings(n_iterations=2, start=1.0, layer_weights="equal")
    assert not np.array_equal(search(settings=random).raw, search(settings=random, seed=1).raw)


def test_decoded_features_are_scaled_and_true_ones_are_not():
    shrunk = {
        layer: STATISTICS[layer].mean + 0.2 * (y - STATISTICS[layer].mean)
        for layer, y in TRUE.items()
    }
    settings = SearchSettings(n_iterations=12, loss="relative", layer_weights="equal")
    grey, scaled = (search(shrunk, settings, decoded=decoded) for decoded in (False, True))
    assert scaled.raw.std() > 1.3 * grey.raw.std()


def test_weights_of_layers_change_the_picture():
    low = search(layer_weights={"conv1": 1.0, "conv2": 1e-6, "fc": 1e-6})
    high = search(layer_weights={"conv1": 1e-6, "conv2": 1.0, "fc": 1.0})
    assert (low.layer_loss["conv1"] < high.layer_loss["conv1"]).all()


def test_displayed():
    raw = np.random.default_rng(0).normal(128, 90, (2, 20, 20, 3)).astype(np.float32)
    clipped = displayed(raw, "clip")
    assert clipped.dtype == np.uint8
    np.testing.assert_array_equal(clipped, np.clip(np.rint(raw), 0, 255))
    stretched = displayed(raw, "percentile")
    assert stretched.min(axis=(1, 2, 3)).tolist() == [0, 0]
    assert stretched.max(axis=(1, 2, 3)).tolist() == [255, 255]
    assert (stretched[0] == 0).mean() == pytest.approx(0.02, abs=0.01)
    assert (displayed(np.full((1, 4, 4, 3), 7.0), "percentile") == 7).all()  # nothing to stretch


class Killed(Exception):
    pass


def test_a_killed_search_resumes(tmp_path, monkeypatch, caplog):
    """Killed in the second of two batches: the first is not repeated, the result is the same."""
    caplog.set_level(logging.INFO)
    two = {"compute": Compute(device="cpu", batch_size=2)}
    straight = search(**two)
    calls, original = [0], TinyNetwork.features

    def dying(self, *arguments):
        calls[0] += 1
        if calls[0] == 25:
            raise Killed
        return original(self, *arguments)

    monkeypatch.setattr(TinyNetwork, "features", dying)
    with pytest.raises(Killed):
        search(checkpoint=Checkpoint(tmp_path / "c", "key", every=0.0), **two)
    assert (tmp_path / "c" / "start0_images0-2.pt").is_file()
    calls[0] = 100
    checkpoint = Checkpoint(tmp_path / "c", "key", every=0.0)
    resumed = search(checkpoint=checkpoint, **two)
    assert "images0-2: done before" in caplog.text
    assert "resuming after iteration" in caplog.text
    np.testing.assert_array_equal(straight.raw, resumed.raw)
    np.testing.assert_array_equal(straight.loss, resumed.loss)
    np.testing.assert_array_equal(straight.snapshots, resumed.snapshots)
    checkpoint.clear()
    assert not (tmp_path / "c").exists()


def test_a_checkpoint_of_other_settings_or_damaged_is_not_used(tmp_path, caplog):
    Checkpoint(tmp_path, "one").write("a", {"x": 1})
    assert Checkpoint(tmp_path, "one").read("a") == {"x": 1}
    assert Checkpoint(tmp_path, "two").read("a") is None
    assert Checkpoint(tmp_path, "one").read("b") is None
    (tmp_path / "a.pt").write_bytes((tmp_path / "a.pt").read_bytes()[:40])
    assert Checkpoint(tmp_path, "one").read("a") is None
    assert "starting again" in caplog.text


def test_progress_tells_how_far_and_how_long(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    clock = iter([0.0, 5.0, 20.0, 40.0])
    monkeypatch.setattr("deeprecon.reconstruct.observers.time.monotonic", lambda: next(clock))
    progress = Progress("images 1-50", 200)
    progress.report(25, 1.5, False)  # too soon
    progress.report(100, 0.25, False)
    progress.report(200, 0.125, True)
    lines = caplog.messages
    assert lines == [
        "images 1-50 |##########          | iteration 100 of 200, mean loss 0.25, 0:20 left",
        "images 1-50 |####################| iteration 200 of 200, mean loss 0.125, done in 0:40",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: {}, "no target layers"),
        (lambda t: {"b99": t["conv1"]}, "unknown layer 'b99'"),
        (lambda t: {"conv1": t["conv1"], "fc": t["fc"][:2]}, "different numbers of images"),
        (lambda t: {"conv1": t["conv1"][:0]}, "the set has no images"),
        (lambda t: {"conv1": t["conv1"] * np.nan}, "layer conv1: .*not finite"),
        (lambda t: {"conv1": t["conv1"][:, :, :5]}, "layer conv1: targets have unit shape"),
    ],
)
@pytest.mark.parametrize("decoded", [True, False])
def test_bad_targets(change, message, decoded):
    with pytest.raises(InputError, match=message):
        search(change(TRUE), decoded=decoded)


def test_a_device_that_is_not_there():
    assert device_of("cpu").type == "cpu"
    for name in ("cuda", "mps"):
        there = {"cuda": torch.cuda, "mps": torch.backends.mps}[name].is_available()
        if not there:
            with pytest.raises(
                InputError, match=f"found {name}, but this machine has no such device"
            ):
                device_of(name)


def test_a_full_gpu_halves_the_batch():
    """If batches of more than two images do not fit, each image is still done once, in order."""
    tried = []

    def run(rows):
        tried.append(rows.stop - rows.start)
        if tried[-1] > 2:
            raise torch.cuda.OutOfMemoryError
        return torch.arange(7)[rows]

    parts = in_batches(run, n=7, batch_size=8)
    assert torch.cat(parts).tolist() == list(range(7))
    assert tried == [7, 4, 2, 2, 2, 1]


def test_one_image_that_does_not_fit_is_an_error():
    def run(rows):
        raise torch.cuda.OutOfMemoryError

    with pytest.raises(torch.cuda.OutOfMemoryError):
        in_batches(run, n=3, batch_size=4)


@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_precision_changes_the_loss_little(precision):
    exact = search()
    other = search(compute=Compute(device="cpu", precision=precision))
    np.testing.assert_allclose(other.loss[-1], exact.loss[-1], rtol=0.2, atol=0.01)
    if precision == "bfloat16":
        assert not np.array_equal(other.loss, exact.loss)
    else:
        np.testing.assert_array_equal(other.loss, exact.loss)  # CPUs have no TF32


@pytest.mark.parametrize(
    ("preset", "changes", "message"),
    [
        ("2018", {}, "unknown preset '2018'"),
        ("2019-pixel", {"momentum": [0, 0]}, "momentum: prior 'pixel' with 'lbfgsb' has no such"),
        ("2019-dgn", {"spectral_decay": 1.0}, "spectral_decay: prior 'generator' with"),
        ("deeprecon", {"prior": "command", "blur": [1, 1]}, "blur: prior 'command'"),
        ("icnn-gd", {"prior": "fourier", "start": 0.0}, "needs prior 'pixel'"),
        ("deeprecon", {"start": "noise"}, "start: 'noise' needs prior 'pixel'"),
    ],
)
def test_settings_without_effect_are_refused(preset, changes, message):
    with pytest.raises(InputError, match=message):
        settings_of(preset, changes)


def test_only_relevant_settings_are_kept():
    """So that a new default of another optimiser does not rerun a study."""
    assert set(relevant(settings_of("2019-dgn", {}))) == {
        "prior", "layer_weights", "scaling", "display", "start", "optimiser", "n_iterations",
        "loss", "total_variation", "n_starts", "fit", "learning_rate", "momentum", "decay",
    }  # fmt: skip


def test_mean_features_are_a_target_unless_the_loss_compares_with_them():
    means = {layer: STATISTICS[layer].mean[None].astype(np.float32) for layer in TRUE}
    settings = SearchSettings(n_iterations=3, loss="squared", layer_weights="equal")
    assert np.isfinite(search(means, settings).raw).all()
    for loss in ("relative", "correlation"):
        settings = SearchSettings(n_iterations=3, loss=loss, layer_weights="equal")
        with pytest.raises(InputError, match="a target equals the mean of the training images"):
            search(means, settings)
