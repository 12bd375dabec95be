import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from deeprecon.report.gallery import gallery
from deeprecon.report.page import build_page
from deeprecon.report.plots import plot_decoding, plot_identification

RED = np.full((8, 8, 3), (255, 0, 0), np.uint8)
BLUE = np.full((8, 8, 3), (0, 0, 255), np.uint8)


def colours(image):
    """Pure red and pure blue pixels: how many of each."""
    pixels = np.asarray(image).reshape(-1, 3)
    return [int((pixels == colour).all(axis=1).sum()) for colour in ((255, 0, 0), (0, 0, 255))]


def test_gallery_shows_every_image_once_in_every_row():
    originals, recon = np.stack([RED] * 23), np.stack([BLUE] * 23)
    page = gallery(originals, [("decoded", recon), ("again", recon)], "title", tile=16)
    assert colours(page) == [23 * 16 * 16, 2 * 23 * 16 * 16]


def test_originals_stand_above_reconstructions():
    page = np.asarray(gallery(np.stack([RED] * 3), [("decoded", np.stack([BLUE] * 3))], "t"))
    red = np.flatnonzero((page == (255, 0, 0)).all(axis=2).any(axis=1))
    blue = np.flatnonzero((page == (0, 0, 255)).all(axis=2).any(axis=1))
    assert red.max() < blue.min()


SCORES = pd.DataFrame(
    [
        {
            "subject": "sub-01", "roi": roi, "method": method, "set": name, "stimulus_id": who,
            "metric": metric, "direction": direction, "value": 0.8, "n": 12, "floor": 0.51,
            "ceiling": np.nan if method == "control" else 1.0, "ci_low": 0.7, "ci_high": 0.9,
            "p": 0.0001,
        }
        for roi, method in (("VC", "all"), ("V1", "all"), ("VC", "control"))
        for name in ("natural", "shapes")
        for who in ("all", "1")
        for metric, direction in (
            ("pixel_identification", "recon"), ("pixel_identification", "true"), ("ssim", "own"),
        )
    ]
)  # fmt: skip


def test_plots_have_a_panel_a_set_and_a_bar_a_method():
    figure = plot_identification(SCORES, "Simulated brain data.")
    assert [axis.get_title() for axis in figure.axes] == ["natural (n = 12)", "shapes (n = 12)"]
    for axis in figure.axes:
        assert [bar.get_height() for bar in axis.patches] == [0.8] * 3
    assert "Simulated" in figure.get_supxlabel()

    decoding = pd.DataFrame(
        [
            {"subject": s, "roi": "VC", "decoder": d, "permuted": d == "control",
             "set": "natural", "layer": layer, "metric": "profile_correlation", "value": v}
            for s, v in (("sub-01", 0.2), ("sub-02", 0.4))
            for d in ("topk", "control")
            for layer in ("b2", "stem")
        ]
    )  # fmt: skip
    (axis,) = plot_decoding(decoding, ["stem", "b2"], "").axes
    lines = {line.get_label(): line for line in axis.lines if "VC" in str(line.get_label())}
    np.testing.assert_allclose(lines["VC topk"].get_ydata(), [0.3, 0.3])  # mean over subjects
    assert [lines[f"VC {d}"].get_linestyle() for d in ("topk", "control")] == ["-", "--"]


@pytest.fixture
def page(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "x.png")
    png = tmp_path / "x.png"
    settings = {
        "study": "<script>alert(1)</script>", "subjects": ["sub-01"],
        "evaluate": {"floor": "control"}, "judge": {},
    }  # fmt: skip
    rois = pd.DataFrame({"subject": ["sub-01"], "roi": ["V1"], "n_voxels": [7]})
    sets = pd.DataFrame({"subject": ["sub-01"], "set": ["natural"], "n_blocks": [12]})
    quality = {"sub-01": "quality_sub-01.html"}
    return build_page(
        settings, {"natural": png}, png, png, SCORES, rois, sets, quality, simulated=True
    )


def test_page_is_whole_and_says_what_it_must(page):
    parser = HTMLParser()
    parser.feed(page)
    text = re.sub(r"\s+", " ", page)
    assert "No person was scanned" in text
    assert page.count("data:image/png;base64,") == 3
    elsewhere = r"(src|href)=\"(?!data:|#|\.\./judge|quality_sub-01)"
    assert not re.search(elsewhere, page)
    assert text.count('<td class="text">pixel identification</td>') == 6  # one direction
    assert "0.0001 or less" in text
    assert "0.70 – 0.90" in text
    assert '<a href="quality_sub-01.html">sub-01</a>.' in text
    assert "<td>12</td>" in text


def test_page_escapes_names(page):
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
