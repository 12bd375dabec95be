import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from deeprecon.evaluate.comparisons import compare
from deeprecon.report.decoding_plots import (
    METRICS,
    plot_by_layer,
    plot_by_region,
    plot_repetitions,
)
from deeprecon.report.gallery import galleries, gallery
from deeprecon.report.identification_plot import plot_identification
from deeprecon.report.page import Figures, Results, build_page, read_results
from deeprecon.tables import write_table
from deeprecon.validity.result import Check, write_checks

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


def test_galleries_stand_one_below_the_other_and_take_their_images_in_order():
    originals, recon = np.stack([RED] * 3), [np.stack([c] * 3) for c in (BLUE, BLUE, RED)]
    blocks = [("all {n} images", ["VC", "V1"]), ("regions", ["V2"])]
    page = galleries(originals, iter(recon), blocks, "imagined")
    first = gallery(originals, [("VC", recon[0]), ("V1", recon[1])], "all 3 images", "imagined")
    second = gallery(originals, [("V2", recon[2])], "regions", "imagined")
    assert page.height == first.height + second.height
    np.testing.assert_array_equal(np.asarray(page)[: first.height, : first.width], first)
    np.testing.assert_array_equal(np.asarray(page)[first.height :, : second.width], second)


SCORES = pd.DataFrame(
    [
        {
            "subject": "sub-01", "roi": roi, "method": method, "set": name, "condition": pictures,
            "metric": metric, "direction": direction, "n": 12, "permuted_control": 0.51,
            "value": 0.8 if pictures == "reconstruction" else 0.6,
            "true_features": np.nan if method == "control" else 1.0, "ci_low": 0.7, "ci_high": 0.9,
            "split_half": 0.7 if method == "all" else np.nan, "noise_ceiling": np.nan,
            "p": 0.0001, "p_holm": 0.0001, "note": "",
        }
        for roi, method in (("VC", "all"), ("V1", "all"), ("VC", "control"))
        for name in ("natural", "shapes")
        for pictures in ("reconstruction", "nearest_training")
        for metric, direction in (
            ("pixel_identification", "recon"), ("pixel_identification", "true"), ("ssim", "own"),
            ("pixel_correlation", "own"),
        )
    ]
)  # fmt: skip
MISSING = SCORES.iloc[[0]].assign(metric="clip", value=np.nan, note="not computed: no <weights>")


def test_plots_have_a_panel_a_set_and_a_bar_a_method():
    figure = plot_identification(SCORES, "Simulated brain data.")
    assert [axis.get_title() for axis in figure.axes] == ["natural (n = 12)", "shapes (n = 12)"]
    for axis in figure.axes:
        assert [bar.get_height() for bar in axis.patches] == [0.8] * 3
        nearest = [line for line in axis.lines if line.get_label() == "nearest\ntraining"]
        assert nearest[0].get_ydata().tolist() == [0.6] * 3
    assert "Simulated" in figure.get_supxlabel()


def test_a_study_of_single_images_says_so_instead_of_bars():
    figure = plot_identification(SCORES[SCORES["metric"] == "ssim"], "")
    assert [text.get_text() for text in figure.texts] == ["no set has\ntwo images"]


def test_published_values_are_lines_in_their_set():
    figure = plot_identification(SCORES, "", {"natural": {"published (source)": 0.81}})
    lines = [[line.get_label() for line in axis.lines] for axis in figure.axes]
    assert "published (source)" in lines[0]
    assert "published (source)" not in lines[1]


def decoding_table(subjects=("sub-01", "sub-02", "sub-03")):
    """Scores that differ between subjects, ROIs, layers and decoders by round numbers."""
    return pd.DataFrame(
        [
            {"subject": subject, "roi": roi, "decoder": d, "permuted": d == "control",
             "set": "natural", "layer": layer, "metric": metric,
             "value": 0.1 * i + (roi == "VC") * 0.3 + (layer == "b2") * 0.05 + (d == "topk")}
            for i, subject in enumerate(subjects)
            for roi in ("V1", "VC")
            for d in ("topk", "control")
            for layer in ("b2", "stem")
            for metric in METRICS
        ]
    )  # fmt: skip


def bars_of(axis, label):
    """The line with a label, and the half lengths of its error bars."""
    (found,) = [c for c in axis.containers if c.get_label() == label]
    line, _, segments = found.lines
    half = [abs(np.diff(s[:, 1])[0]) / 2 for part in segments for s in part.get_segments()]
    return line, half


def test_accuracy_by_layer_is_the_mean_with_the_standard_error_over_subjects():
    figure = plot_by_layer(decoding_table(), ["stem", "b2"], "Simulated.")
    assert len(figure.axes) == 3
    line, half = bars_of(figure.axes[0], "VC topk")
    np.testing.assert_allclose(np.asarray(line.get_ydata(), float), [1.4, 1.45])
    np.testing.assert_allclose(half, 0.1 / np.sqrt(3))
    assert line.get_linestyle() == "-"
    assert bars_of(figure.axes[0], "V1 control")[0].get_linestyle() == "--"
    assert "3 subjects" in figure.get_supxlabel()
    assert "Simulated." in figure.get_supxlabel()
    assert [text.get_text() for text in figure.axes[2].get_xticklabels()] == ["stem", "b2"]


def test_one_subject_has_no_error_bars():
    figure = plot_by_layer(decoding_table(["sub-01"]), ["stem", "b2"], "")
    assert bars_of(figure.axes[0], "VC topk")[1] == []
    assert "one subject" in figure.get_supxlabel()


def test_accuracy_by_region_has_a_line_for_each_layer_and_no_control():
    figure = plot_by_region(decoding_table(), ["stem", "b2"], "")
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["stem", "b2"]
    line, _ = bars_of(figure.axes[0], "b2")
    np.testing.assert_allclose(np.asarray(line.get_ydata(), float), [1.15, 1.45])


def test_accuracy_by_repetitions_has_its_ceiling():
    table = decoding_table()
    parts = [table.assign(n_repetitions=n, value=n / 10, ceiling=n / 5) for n in (1, 2, 4)]
    (axis,) = plot_repetitions(pd.concat(parts), "").axes
    lines = [line for line in axis.lines if len(line.get_xdata()) == 3]
    np.testing.assert_allclose(lines[0].get_xydata(), [[1, 0.1], [2, 0.2], [4, 0.4]])
    dotted = [line for line in lines if line.get_linestyle() == ":"]
    assert len(dotted) == 2  # of the two regions, none of the controls
    np.testing.assert_allclose(dotted[0].get_ydata(), [0.2, 0.4, 0.8])


def test_a_set_of_one_image_has_no_accuracy_by_repetitions(tmp_path):
    """Its profile correlations are not defined, and an axis without points cannot be drawn."""
    table = decoding_table().assign(n_repetitions=1, ceiling=np.nan)
    single = table.assign(set="single", value=np.nan)
    figure = plot_repetitions(pd.concat([single, table]), "")
    assert [axis.get_title() for axis in figure.axes] == ["natural"]
    figure.savefig(tmp_path / "plot.png")
    figure = plot_repetitions(single, "")
    assert figure.texts[0].get_text() == "no set has\ntwo images"
    assert not figure.axes


@pytest.fixture
def page(tmp_path):
    names = ("x", "decoding_by_layer", "decoding_by_region")
    png, *decoding = [tmp_path / f"{name}.png" for name in names]
    for path in (png, *decoding):
        Image.new("RGB", (4, 4)).save(path)
    stimuli = tmp_path / "train.tsv"
    stimuli.write_text("stimulus_id\n")
    settings = {
        "study": "<script>alert(1)</script>", "subjects": ["sub-01"],
        "evaluate": {"permuted_control": "control"}, "judge": {},
    }  # fmt: skip
    rois = pd.DataFrame({"subject": ["sub-01"], "roi": ["V1"], "n_voxels": [7]})
    sets = pd.DataFrame({"subject": ["sub-01"], "set": ["natural"], "n_blocks": [12]})
    quality = {"sub-01": "results/report/quality_sub-01.html"}
    figures = Figures(*[{"natural": png}] * 4, decoding, png, png, png)
    checks = [
        Check("V12", "FAIL", -0.1, "above 0", "Worse than <other> images.", "sub-01"),
        Check("V01", "PASS", 0.0, "0", "None of them.", "natural", "copies"),
    ]
    results = Results(
        scores=pd.concat([SCORES, MISSING]),
        pairs=compare(IMAGES, n_permutations=99, n_bootstrap=100),
        over_subjects=pd.DataFrame(columns=["metric"]),
        vividness=pd.DataFrame(columns=["rho", "p"]),
        checks=checks,
        others={"Samples": sets, "Voxels": rois},
    )
    return build_page(settings, figures, results, quality, [stimuli], simulated=True)


IMAGES = pd.DataFrame(
    [
        {"subject": "sub-01", "roi": roi, "method": "all", "set": "natural", "stimulus_id": str(i),
         "metric": "pixel_identification", "direction": "recon", "value": 0.1 * i + (roi == "VC")}
        for roi in ("VC", "V1") for i in range(6)
    ]
)  # fmt: skip


def test_page_is_whole_and_says_what_it_must(page):
    parser = HTMLParser()
    parser.feed(page)
    text = re.sub(r"\s+", " ", page)
    assert "No person was scanned" in text
    assert page.count("data:image/png;base64,") == 9
    elsewhere = r"(src|href)=\"(?!data:|#|\.\./judge|judgement\.html|quality_sub-01)"
    assert not re.search(elsewhere, page)
    first = text[text.index("<details open>") : text.index("</details>")]
    assert "Pixel identification" in first
    assert first.count("<td>12</td>") == 6  # one direction
    assert "0.0001 or less" in text
    assert "Worse than &lt;other&gt; images." in text
    assert "<summary>1 passed</summary>" in text
    assert "clip: no &lt;weights&gt;" in text
    assert f"{hashlib.sha256(b'stimulus_id' + bytes([10])).hexdigest()} train.tsv" in text
    assert "<h3>Accuracy by layer</h3>" in text
    assert "the training image whose features are nearest" in text
    assert "0.70 – 0.90" in text
    assert '<a href="quality_sub-01.html">sub-01</a>.' in text
    assert "<td>12</td>" in text


def test_page_escapes_names(page):
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


def test_results_are_read_and_empty_tables_left_out(tmp_path):
    names = ("scores", "pairs", "over_subjects", "vividness", "checks")
    paths = {name: tmp_path / f"{name}.tsv" for name in names}
    write_table(paths["scores"], pd.concat([SCORES, MISSING]))
    for name in names[1:4]:
        write_table(paths[name], pd.DataFrame({"metric": ["ssim"], "p": [0.5]}))
    write_checks(
        paths["checks"], [Check("V01", "PASS", 0.0, "0", "None of them.", "natural", "copies")]
    )
    voxels = [tmp_path / f"sub-0{i}_rois.tsv" for i in (1, 2)]
    for i, path in enumerate(voxels):
        write_table(path, [{"roi": "V1", "n_voxels": i}])
    empty = tmp_path / "reliability.tsv"
    write_table(empty, pd.DataFrame(columns=["roi"]))
    found = read_results(**paths, others={"Voxels": voxels, "Reliability": [empty], "Samples": []})
    assert found.scores["note"].iloc[-1] == "not computed: no <weights>"
    assert found.scores["note"].iloc[0] == ""
    assert found.checks[0].title == "copies"
    assert list(found.others) == ["Voxels"]
    assert found.others["Voxels"]["n_voxels"].tolist() == [0, 1]
