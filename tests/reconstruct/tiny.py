"""A network so small that a whole search takes a second, with images and features for it."""

from collections import OrderedDict

import numpy as np
import torch
from torch import nn

from deeprecon.features.statistics import LayerStatistics

SIZE = 16
MEAN_BGR = (104.0, 117.0, 123.0)


class TinyNetwork(nn.Module):
    """Two convolutions and a linear layer; BGR minus a mean colour, as Caffe's VGG19."""

    def __init__(self):
        super().__init__()
        self.layers = ["conv1", "conv2", "fc"]
        torch.manual_seed(3)
        self.conv1 = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(4, 6, 3, stride=2, padding=1)
        self.fc = nn.Linear(96, 10)
        self.requires_grad_(False)
        self.mean_image = torch.tensor(MEAN_BGR[::-1])

    def features(self, images, layers):
        return self.of_bgr(images.flip(1) - torch.tensor(MEAN_BGR)[:, None, None], layers)

    def of_bgr(self, x, layers):
        """Features of images as Caffe holds them."""
        found = OrderedDict(conv1=self.conv1(x))
        found["conv2"] = self.conv2(found["conv1"].relu())
        found["fc"] = self.fc(found["conv2"].relu().flatten(1))
        return OrderedDict((layer, found[layer]) for layer in self.layers if layer in layers)


class TinyGenerator(nn.Module):
    """Latents (n, 5) to BGR images of 24 pixels, minus the mean colour."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(4)
        self.linear = nn.Linear(5, 3 * 24 * 24)
        self.linear.weight.data /= 20  # so shallow that steps of 2 are not chaotic
        self.requires_grad_(False)

    def forward(self, z):
        return 60 * torch.tanh(self.linear(z)).reshape(-1, 3, 24, 24)


def images(n=3, seed=0):
    """Smooth images (n, 16, 16, 3) uint8."""
    coarse = np.random.default_rng(seed).uniform(20, 235, (n, 4, 4, 3))
    return np.kron(coarse, np.ones((1, 4, 4, 1))).astype(np.uint8)


def features(network, shown):
    """Layer -> features (n, *unit_shape) of images (n, size, size, 3)."""
    x = torch.as_tensor(shown).permute(0, 3, 1, 2).float()
    return {layer: y.numpy() for layer, y in network.features(x, network.layers).items()}


def statistics(network, n=20, seed=1):
    """Statistics of other images than those of `images()`."""
    training = features(network, images(n, seed))
    return {layer: LayerStatistics.of(y) for layer, y in training.items()}
