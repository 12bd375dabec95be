"""Tables of reconstructions to build studies from."""

import numpy as np
import pandas as pd
from PIL import Image, PngImagePlugin

from deeprecon.judge.questions import IMAGE_COLUMNS
from deeprecon.judge.settings import TaskSettings

COLOURS = ("red", "green", "blue", "white")


def asked(name, methods, rois, sets=None, **options):
    """Settings of a task."""
    return TaskSettings(task=name, methods=methods, rois=rois, sets=sets, **options)


def table(sets, subjects=("sub-one",), methods=("method_x",), rois=("roi_vc",), folder="."):
    """A row per reconstruction; `sets`: name -> number of stimuli."""
    rows = [
        (
            subject, roi, method, name, f"stim-{name}-{i}",
            f"{folder}/original-{name}-{i}.png",
            f"{folder}/recon-{subject}-{roi}-{method}-{name}-{i}.png",
        )
        for name, n in sets.items()
        for subject in subjects
        for roi in rois
        for method in methods
        for i in range(n)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=IMAGE_COLUMNS)


def coloured(images, name):
    """The table with colours and shapes in a set: stimuli 0-3 have the first shape, and so on."""
    number = images["stimulus_id"].str.rsplit("-", n=1).str[1].astype(int)
    there = images["set"] == name
    return images.assign(
        colour=np.where(there, np.array(COLOURS)[number % 4], "n/a"),
        shape=np.where(there, "shape-" + (number // 4).astype(str), "n/a"),
    )


def write_pictures(images, size=24):
    """Random pictures whose metadata name what they show."""
    rng = np.random.default_rng(0)
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "hidden-name")
    for file in pd.unique(images[["true_file", "recon_file"]].to_numpy().ravel()):
        pixels = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(file, pnginfo=info)


def write_training(folder, n=8, size=32):
    """Files of training images."""
    rng = np.random.default_rng(1)
    files = [folder / f"training-{i}.png" for i in range(n)]
    for file in files:
        Image.fromarray(rng.integers(0, 256, (size, size, 3), dtype=np.uint8)).save(file)
    return files
