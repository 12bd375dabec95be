import numpy as np
import pytest
import scipy.ndimage
import torch
from torch import nn

from deeprecon.errors import InputError
from deeprecon.features.networks import Network
from deeprecon.reconstruct.generator_files import load_saved
from deeprecon.reconstruct.generator_prior import generator as generator_prior
from deeprecon.reconstruct.settings import SearchSettings, TrainedGeneratorSettings
from deeprecon.reconstruct.train_generator import augmented, train, write_generator

SETTINGS = TrainedGeneratorSettings(
    layer="conv2", n_steps=250, batch_size=8, width=8, learning_rate=3e-3
)


def network():
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU(), nn.Flatten(),
        nn.Linear(1024, 64),
    )  # fmt: skip
    nodes = {"conv1": "0", "conv2": "2", "fc": "5"}
    return Network(module, nodes, (127.5,) * 3, (60.0,) * 3, weights_sha256="abc")


@pytest.fixture(scope="module")
def images():
    """Smooth coloured blobs, (64, 32, 32, 3)."""
    noise = np.random.default_rng(0).normal(size=(64, 32, 32, 3))
    smooth = scipy.ndimage.gaussian_filter(noise, (0, 4, 4, 0.5))
    return np.clip(127 + 50 * smooth / smooth.std(), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def trained(images):
    lines = []
    return train(network(), images, SETTINGS, seed=3, device="cpu", log=lines.append), lines


def test_held_out_images_are_recovered(trained):
    """The scores are those of 6 held-out images of 64, and of the mean image."""
    scores = trained[0].scores
    assert scores["n_held_out"] == 6
    assert scores["pixel_correlation"] > 0.8
    assert scores["pixel_correlation"] > scores["baseline_pixel_correlation"] + 0.3
    assert scores["feature_error"] < 0.5 < scores["baseline_feature_error"]


def test_progress_is_logged(trained):
    *_, last, scores = trained[1]
    assert last.startswith("step 250 of 250: pixel ")
    assert "adversarial" in last
    assert last.endswith("0 s left")
    assert scores.startswith("pixel_correlation 0.")


def test_scores_are_those_of_the_generated_images(trained, images):
    """By hand: features, standardised, through the generator, correlated with the image."""
    one, net = trained[0], network()
    held = np.sort(np.random.default_rng([3, 0]).permutation(64)[:6])
    found = []
    with torch.no_grad():
        for image in images[held]:
            x = torch.tensor(image).permute(2, 0, 1)[None].float()
            latents = (net.features(x, ["conv2"])["conv2"] - one.latent_mean) / one.latent_sd
            made = one.generator(latents.clamp(-3, 3))
            found.append(np.corrcoef(made.ravel(), x.ravel())[0, 1])
    assert np.mean(found) == pytest.approx(one.scores["pixel_correlation"], abs=1e-4)


def test_its_file_becomes_a_prior(trained, tmp_path):
    one = trained[0]
    write_generator(tmp_path / "g.pt", one, {"study": "test"})
    saved = load_saved(tmp_path / "g.pt")
    assert (saved["layer"], saved["weights_sha256"]) == ("conv2", "abc")
    assert saved["scores"] == one.scores
    prior = generator_prior(
        size=32, network=None, settings=SearchSettings(), weights=tmp_path / "g.pt"
    )
    assert prior.n_parameters == 16 * 8 * 8
    assert prior.lower.unique().tolist() == [-3.0]
    middle = prior(prior.start(1, torch.Generator()))
    torch.testing.assert_close(middle, one.generator(torch.zeros(1, 16, 8, 8)))


def test_the_seed_decides(images):
    short = TrainedGeneratorSettings(layer="fc", n_steps=4, batch_size=4, width=4)
    one, two, other = (
        train(network(), images[:20], short, seed=seed, device="cpu", log=lambda line: None)
        for seed in (1, 1, 2)
    )
    first, second, third = (x.generator.state_dict()["colour.weight"] for x in (one, two, other))
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def test_augmented_images_are_mirrored_and_shifted():
    image = np.zeros((1, 32, 32, 3), np.uint8)
    image[0, 10, 5] = 255
    rng = np.random.default_rng(0)
    corners = {tuple(np.argwhere(augmented(image, rng)[0, ..., 0])[0]) for _ in range(300)}
    rows, columns = zip(*corners, strict=True)
    assert (min(rows), max(rows)) == (8, 12)
    assert set(columns) == {3, 4, 5, 6, 7, 24, 25, 26, 27, 28}


@pytest.mark.parametrize(
    ("layer", "change", "message"),
    [
        ("conv9", lambda x: x, "unknown layer 'conv9'"),
        ("conv2", lambda x: x[:19], "images: found 19, expected at least 20"),
        ("conv2", lambda x: x[:, :, :30], "expected uint8 of shape"),
        ("conv2", lambda x: x.astype(float), "expected uint8 of shape"),
        ("conv2", lambda x: x[:, :8, :8], "size at least 16"),
        ("fc", lambda x: x[:, :28, :28], "the network does not take 28 pixels"),
        ("conv2", lambda x: x[:1].repeat(20, axis=0), "all of those to train on are the same"),
    ],
)
def test_what_cannot_be_trained_on(images, layer, change, message):
    with pytest.raises(InputError, match=message):
        settings = SETTINGS.model_copy(update={"layer": layer})
        train(network(), change(images), settings, device="cpu")
