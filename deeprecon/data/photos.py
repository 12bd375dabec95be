"""Photographs that come with installed Python packages.

They provide natural images for the simulated study without a download. The licences of the packages
cover their code; the licence of each photograph is unknown, so none is copied into this project.
Training and test images come from different photographs, never from different crops of one.
"""

import importlib.util
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deeprecon.errors import InputError

_IMAGENET = "foolbox/data/imagenet_{}.jpg"
_SKIMAGE = "skimage/data/{}"
_SKLEARN = "sklearn/datasets/images/{}"

# Subject of the photograph -> file inside the installed package.
TRAINING_PHOTOS: dict[str, str] = {
    "boxer": _IMAGENET.format("00_243"),
    "deckchairs": _IMAGENET.format("01_559"),
    "beaker": _IMAGENET.format("02_438"),
    "chestnuts": _IMAGENET.format("03_990"),
    "cottage": _IMAGENET.format("05_853"),
    "jeep": _IMAGENET.format("06_609"),
    "blue_car": _IMAGENET.format("07_609"),
    "yurt": _IMAGENET.format("08_915"),
    "window": _IMAGENET.format("12_741"),
    "geese": _IMAGENET.format("15_99"),
    "dalmatian": _IMAGENET.format("16_251"),
    "beetle": _IMAGENET.format("19_305"),
    "galaxies": _SKIMAGE.format("hubble_deep_field.jpg"),
    "tissue": _SKIMAGE.format("ihc.png"),
    "motorcycle": _SKIMAGE.format("motorcycle_left.png"),
    "colour_wheel": _SKIMAGE.format("color.png"),
    "cameraman": _SKIMAGE.format("camera.png"),
    "bricks": _SKIMAGE.format("brick.png"),
    "grass": _SKIMAGE.format("grass.png"),
    "gravel": _SKIMAGE.format("gravel.png"),
    "coins": _SKIMAGE.format("coins.png"),
    "moon": _SKIMAGE.format("moon.png"),
}
TEST_PHOTOS: dict[str, str] = {
    "strawberries": _IMAGENET.format("04_949"),
    "bottle_cap": _IMAGENET.format("09_455"),
    "drum": _IMAGENET.format("10_541"),
    "shoe": _IMAGENET.format("11_630"),
    "cannon": _IMAGENET.format("13_471"),
    "birds_on_wire": _IMAGENET.format("14_129"),
    "eagle": _IMAGENET.format("17_22"),
    "leafhopper": _IMAGENET.format("18_317"),
    "astronaut": _SKIMAGE.format("astronaut.png"),
    "cat": _SKIMAGE.format("chelsea.png"),
    "coffee": _SKIMAGE.format("coffee.png"),
    "retina": _SKIMAGE.format("retina.jpg"),
    "rocket": _SKIMAGE.format("rocket.jpg"),
    "pagoda": _SKLEARN.format("china.jpg"),
    "dahlia": _SKLEARN.format("flower.jpg"),
    "portrait": "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
}


def photo_path(file: str) -> Path:
    """Find a photograph in an installed package without importing it.

    Raises
    ------
    InputError
        If the package or the file is missing.
    """
    package, _, rest = file.partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"the photograph {file} needs the Python package {package}")
    path = Path(spec.submodule_search_locations[0]) / rest
    if not path.is_file():
        raise InputError(f"the installed package {package} has no file {rest}")
    return path


def load_square(file: str) -> NDArray[np.uint8]:
    """The central square of a photograph, (side, side, 3) uint8 RGB."""
    with Image.open(photo_path(file)) as image:
        rgb = np.asarray(image.convert("RGB"))
    side = min(rgb.shape[:2])
    top, left = (rgb.shape[0] - side) // 2, (rgb.shape[1] - side) // 2
    return rgb[top : top + side, left : left + side]
