import zipfile

import numpy as np
import pytest
import torch
from torch import nn

from deeprecon.errors import InputError
from deeprecon.reconstruct.generator_files import (
    load_saved,
    read_bounds,
    read_generator,
    save_generator,
)
from deeprecon.reconstruct.generator_prior import GeneratorPrior
from deeprecon.reconstruct.generator_prior import generator as generator_prior
from deeprecon.reconstruct.generators import (
    CAFFE_MEAN,
    Generator,
    InversionGenerator,
    caffe_generator,
    stage_sizes,
)
from deeprecon.reconstruct.settings import SearchSettings
from tests.features.test_caffemodel import new_layer


class Flat(Generator):
    """Latents (n, 3): the colour of an image of 32 pixels, with a ramp to tell its parts."""

    latent_shape, image_size = (3,), 32

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, latents):
        ramp = torch.arange(32.0)
        return (latents * self.weight)[..., None, None] + ramp[:, None] + 100 * ramp


def load_prior(path, size, start=0.0):
    settings = SearchSettings(start=start)
    return generator_prior(size=size, network=None, settings=settings, weights=path)


@pytest.fixture(scope="module")
def pool5():
    torch.manual_seed(0)
    return caffe_generator("pool5")


@pytest.mark.parametrize("kind", ["relu7", "pool5"])
def test_generators_equal_those_of_bdpy(kind, tmp_path):
    models = pytest.importorskip("bdpy.dl.torch.models")
    torch.manual_seed(1)
    theirs = models.AlexNetPool5Generator() if kind == "pool5" else models.AlexNetGenerator()
    theirs = theirs.eval()
    torch.save(theirs.state_dict(), tmp_path / "generator.pt")
    ours = read_generator(tmp_path / "generator.pt", kind)
    latents = torch.randn(2, *ours.latent_shape)
    with torch.no_grad():
        expected = theirs(latents)
        assert expected.std() > 1e-4
        torch.testing.assert_close(ours(latents), expected, rtol=1e-4, atol=1e-5)
    assert not any(x.requires_grad for x in ours.parameters())


def test_number_of_weights_is_that_of_the_published_generator():
    assert sum(x.numel() for x in caffe_generator("relu7").parameters()) == 56_097_891


def test_one_generator_is_found_in_a_zip(tmp_path, pool5):
    for name in ("generator_pool5.pt", "generator_relu7.pt"):
        torch.save(pool5.state_dict(), tmp_path / name)
    path = tmp_path / "generators.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.write(tmp_path / "generator_pool5.pt", "lab/generator_pool5.pt")
        file.writestr("__MACOSX/lab/._generator_pool5.pt", b"not this")
        file.writestr("lab/pool5.txt", b"nor this")
        file.write(tmp_path / "generator_relu7.pt", "lab/generator_relu7.pt")
    found = read_generator(path, "pool5").state_dict()
    assert all(torch.equal(found[name], value) for name, value in pool5.state_dict().items())
    with pytest.raises(InputError, match=r"\.zip: no weights 'defc7.weight'"):
        read_generator(path, "relu7")
    with pytest.raises(InputError, match=r"pool5.pt, lab/generator_relu7.pt; expected one .*relu6"):
        read_generator(path, "relu6")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("new/pool5.pth", b"")
    with pytest.raises(InputError, match=r"found lab/generator_pool5.pt, new/pool5.pth; expected"):
        read_generator(path, "pool5")


def test_a_generator_from_its_caffemodel(tmp_path, pool5):
    layers = [
        new_layer(name, *(values.detach().numpy() for values in (part.weight, part.bias)))
        for name, part in pool5.named_children()
    ]
    (tmp_path / "generator.caffemodel").write_bytes(b"".join(layers))
    found = read_generator(tmp_path / "generator.caffemodel", "pool5").state_dict()
    for name, values in pool5.state_dict().items():
        assert torch.equal(found[name], values)


def test_weights_that_do_not_fit_are_refused(tmp_path, pool5):
    def refused(message, **changes):
        state = {name: x for name, x in {**pool5.state_dict(), **changes}.items() if x is not None}
        torch.save(state, tmp_path / "weights.pt")
        with pytest.raises(InputError, match=message) as caught:
            read_generator(tmp_path / "weights.pt", "pool5")
        assert "\n" not in str(caught.value)

    refused(r"no weights 'deconv0.bias', expected shape \(3,\)", **{"deconv0.bias": None})
    refused(r"'deconv0.bias' of shape \(4,\), expected \(3,\)", **{"deconv0.bias": torch.ones(4)})
    refused("weights 'fc8.bias', which the network does not", **{"fc8.bias": torch.ones(4)})
    refused("found dict, expected a state dict of tensors", **{"deconv0.bias": 1.0})


def test_files_of_something_else_are_refused(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save([1, 2], path)
    with pytest.raises(InputError, match="found list, expected a state dict"):
        read_generator(path, "relu7")
    with pytest.raises(InputError, match="not a generator written by deeprecon"):
        load_prior(path, 224)
    for content in (b"", b"words", bytes(range(256))):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"weights.pt: not a readable torch file"):
            read_generator(path, "relu7")
    (tmp_path / "weights.zip").write_bytes(b"words")
    with pytest.raises(InputError, match=r"weights.zip: not a readable zip file"):
        read_generator(tmp_path / "weights.zip", "relu7")
    for wrong in (lambda: read_generator(path, "norm1"), lambda: caffe_generator("norm1")):
        with pytest.raises(InputError, match="unknown generator 'norm1'; known: relu7, relu6"):
            wrong()


def test_published_generator_becomes_a_prior_of_rgb_images(tmp_path, pool5):
    path = tmp_path / "pool5.pt"
    upper = torch.linspace(1, 2, 9216)
    save_generator(path, pool5, 0.0, upper, {"source": "lab"})
    prior = load_prior(path, 224, start=0.5)
    assert load_saved(path)["attributes"] == {"source": "lab"}
    assert prior.n_parameters == 9216
    torch.testing.assert_close(prior.upper, upper)
    torch.testing.assert_close(prior.lower, torch.zeros(9216))
    latents = prior.start(1, torch.Generator().manual_seed(0))
    assert latents.shape == (1, 9216)
    assert abs(latents.std() - 0.5) < 0.02
    with torch.no_grad():
        images = prior(latents)
        bgr = pool5(latents.reshape(1, 256, 6, 6))
    assert images.shape == (1, 3, 224, 224)
    expected = bgr[0, [2, 1, 0], 16:240, 16:240] + torch.tensor(CAFFE_MEAN)[:, None, None]
    torch.testing.assert_close(images[0], expected)
    with pytest.raises(InputError, match="image size 160: expected 200 to 256"):
        load_prior(path, 160)
    with pytest.raises(InputError, match="image size 257: expected 200 to 256"):
        load_prior(path, 257)


def test_trained_generator_comes_back_from_its_file(tmp_path):
    torch.manual_seed(2)
    generator = InversionGenerator((5, 4, 4), 32, 4)
    save_generator(tmp_path / "g.pt", generator, -3.0, None, {}, layer="conv3")
    latents = torch.randn(3, 80)
    expected = generator.requires_grad_(False)(latents.reshape(3, 5, 4, 4))
    prior = load_prior(tmp_path / "g.pt", 32)
    assert prior.upper is None
    assert prior.lower.tolist() == [-3.0] * 80
    torch.testing.assert_close(prior(latents), expected)
    assert torch.equal(prior.start(2, torch.Generator()), torch.zeros(2, 80))
    assert 0 <= expected.min() < expected.max() <= 255


def test_crop_is_the_middle_and_resize_is_all():
    latents = torch.tensor([[10.0, 20.0, 30.0]])
    cropped = GeneratorPrior(Flat(), 26)(latents)
    torch.testing.assert_close(cropped, Flat()(latents)[..., 3:29, 3:29].detach())
    resized = GeneratorPrior(Flat(), 16, fit="resize")(latents)
    torch.testing.assert_close(resized.mean((2, 3)), Flat()(latents).mean((2, 3)).detach())
    assert resized.shape == (1, 3, 16, 16)
    whole = GeneratorPrior(Flat(), 32, fit="resize")(latents)
    torch.testing.assert_close(whole, Flat()(latents).detach())


def test_only_latents_have_gradients_and_rows_are_independent():
    torch.manual_seed(3)
    prior = GeneratorPrior(InversionGenerator((6,), 32, 4), 32)
    latents = torch.randn(3, 6, requires_grad=True)
    prior(latents)[1].square().sum().backward()
    assert latents.grad[1].abs().min() > 0
    assert latents.grad[[0, 2]].abs().max() == 0
    assert all(x.grad is None for x in prior.parameters())
    torch.testing.assert_close(prior(latents)[2:], prior(latents[2:]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 24}, "image size 24: expected 25 to 32"),
        ({"fit": "stretch"}, "fit: 'stretch', expected crop or resize"),
        ({"upper": torch.ones(4)}, "upper bounds: found 4, expected one for each of 3"),
    ],
)
def test_priors_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        GeneratorPrior(Flat(), **{"size": 32, **settings})


def test_bounds_are_read_from_a_text_of_numbers(tmp_path):
    path = tmp_path / "fc7.txt"
    np.savetxt(path, [1.5, 2.25, 3e-3])
    assert read_bounds(path, 3).tolist() == pytest.approx([1.5, 2.25, 0.003])
    with pytest.raises(InputError, match=r"fc7.txt: found 3 numbers, 3 of them finite; expected 4"):
        read_bounds(path, 4)
    path.write_text("1 2 nan")
    with pytest.raises(InputError, match="3 numbers, 2 of them finite; expected 3"):
        read_bounds(path, 3)
    path.write_text("1 2 three")
    with pytest.raises(InputError, match=r"fc7.txt: not a text file of 3 numbers"):
        read_bounds(path, 3)


@pytest.mark.parametrize("size", [32, 96, 224, 227])
@pytest.mark.parametrize("latent_shape", [(7,), (3, 7, 7), (3, 13, 13), (2, 32, 32)])
def test_inversion_generators_make_images_of_any_size(latent_shape, size):
    generator = InversionGenerator(latent_shape, size, 4)
    assert generator(torch.zeros(1, *latent_shape)).shape == (1, 3, size, size)


def test_stages_double_the_side():
    assert stage_sizes(7, 224) == [7, 14, 28, 56, 112, 224]
    assert stage_sizes(224, 224) == [224]
    assert stage_sizes(200, 224) == [200, 224]
    assert InversionGenerator((9,), 224, 4).stages[0][0].size == (7, 7)
