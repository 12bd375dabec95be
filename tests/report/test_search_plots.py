import numpy as np

from deeprecon.reconstruct.store import History
from deeprecon.report.search_plots import by_method, draw_snapshots, first_of_each, plot_losses


def history(loss):
    snapshots = np.zeros((3, 2, 8, 8, 3), np.uint8)
    return History(np.full((5, 4), loss), {}, snapshots, np.array([1, 2, 5]), ["a", "b"])


ROWS = [
    ("true features", "all"), ("true features", "low"), ("sub-01 VC", "all"), ("sub-01 V1", "all"),
    ("sub-01 VC", "control"),
]  # fmt: skip
HISTORIES = by_method(ROWS, [history(i + 1.0) for i in range(5)])


def test_losses_have_a_panel_a_method_and_dashed_true_features():
    figure = plot_losses(HISTORIES, "Simulated brain data.")
    panels = {axis.get_title(): axis.lines for axis in figure.axes if axis.get_title()}
    assert list(panels) == ["all", "low", "control"]
    labels = [(line.get_label(), line.get_linestyle()) for line in panels["all"]]
    assert labels == [("true features", "--"), ("sub-01 VC", "-"), ("sub-01 V1", "-")]
    assert panels["all"][1].get_ydata().tolist() == [3.0] * 5
    assert any("Simulated" in text.get_text() for text in figure.texts)


def test_snapshots_are_of_the_first_subject_and_region():
    chosen = [(label, history.loss[0, 0]) for label, history in first_of_each(HISTORIES)]
    assert chosen == [
        ("sub-01 VC, all", 3.0),
        ("true features, low", 2.0),
        ("sub-01 VC, control", 5.0),
    ]


def test_snapshots_have_a_row_for_each_image_of_each_method():
    one, two = (draw_snapshots(first_of_each(HISTORIES)[:n], "natural") for n in (1, 2))
    page = np.asarray(one)
    tiles = (page == 0).all(axis=2).sum()
    assert tiles >= 2 * 3 * 64 * 64  # images x times
    assert two.height - one.height > 2 * 64
