"""Pictures embedded in the page: small, without metadata, under names that reveal nothing."""

import base64
import hashlib
import io
import os

import numpy as np
from PIL import Image

from deeprecon.errors import InputError

MAX_SIDE = 256
"""Longest side of an embedded picture in pixels; larger pictures are averaged down to it."""


def read_picture(file: str | os.PathLike[str]) -> Image.Image:
    """Read an RGB image without metadata, at most MAX_SIDE pixels on its longest side.

    Raises
    ------
    InputError
        If the file is missing or is not a picture.
    """
    try:
        with Image.open(file) as image:
            rgb = image.convert("RGB")
    except FileNotFoundError:
        raise InputError(f"{file}: no such picture") from None
    except (OSError, Image.DecompressionBombError) as error:
        raise InputError(f"{file}: cannot be read as a picture ({error})") from None
    rgb.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX)
    return Image.fromarray(np.asarray(rgb))


def opaque_id(picture: Image.Image, salt: bytes) -> str:
    """12 hexadecimal digits that depend on the pixels, but not on the version of the PNG library.

    Examples
    --------
    >>> opaque_id(Image.new("RGB", (2, 2)), b"salt") == opaque_id(Image.new("RGB", (2, 2)), b"salt")
    True
    """
    pixels = f"{picture.size}".encode() + picture.tobytes()
    return hashlib.sha256(salt + pixels).hexdigest()[:12]


def data_uri(picture: Image.Image) -> str:
    """The picture as a data URI; re-encoding drops any names that its file contained."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
