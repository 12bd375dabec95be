import json
import zipfile

import pytest

from deeprecon.cli import main
from deeprecon.errors import InputError
from deeprecon.report.crate import archive


@pytest.fixture
def study(tmp_path):
    folder = tmp_path / "results" / "mine"
    for name in (
        "report/index.html", "report/settings.yaml", "report/checks.png",
        "evaluation/scores.tsv", "validity/checks.tsv", "recon/sub-01/VC/all/natural.h5",
        "stimuli/natural.tsv", "stimuli/natural/1.png", "samples/sub-01.h5",
        "features/vgg19/train/fc8.h5",
    ):  # fmt: skip
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


def test_a_finished_study_becomes_a_crate_that_names_every_file(study, tmp_path, capsys):
    output = tmp_path / "mine.zip"
    licence = "https://creativecommons.org/licenses/by/4.0/"
    command = ["archive", str(study), str(output), "--author", "A. Nyone", "--license", licence]
    assert main(command) == 0
    assert capsys.readouterr().out == f"{output}: 7 files\n"
    with zipfile.ZipFile(output) as crate:
        names = {name for name in crate.namelist() if not name.endswith("/")}
        graph = json.loads(crate.read("ro-crate-metadata.json"))["@graph"]
        assert crate.read("evaluation/scores.tsv") == b"evaluation/scores.tsv"
    assert "recon/sub-01/VC/all/natural.h5" in names
    left_out = ("stimuli/natural/1.png", "samples/sub-01.h5", "features/vgg19/train/fc8.h5")
    assert not names & set(left_out)  # not one's own, or large
    entities = {entity["@id"]: entity for entity in graph}
    root = entities["./"]
    assert root["license"] in (licence, {"@id": licence})
    assert root["creator"] == {"@id": "#A.-Nyone"}
    parts = {part["@id"] for part in root["hasPart"]}
    assert parts == names - {"ro-crate-metadata.json"}
    assert entities["evaluation/scores.tsv"]["encodingFormat"] == "text/tab-separated-values"
    assert entities["#run"]["instrument"] == {"@id": "#deeprecon"}
    assert entities["#run"]["object"] == [{"@id": "report/settings.yaml"}]
    assert "deeprecon" in entities["#deeprecon"]["name"]
    assert str(tmp_path) not in json.dumps(graph)  # no path of this machine


def test_an_unfinished_study_is_refused_and_leaves_nothing(study, tmp_path, capsys):
    (study / "report/index.html").unlink()
    with pytest.raises(InputError, match=r"no report/index\.html; archive a finished study"):
        archive(study, tmp_path / "mine.zip")
    assert main(["archive", str(study), str(tmp_path / "mine.zip")]) == 1
    assert "archive a finished study" in capsys.readouterr().err
    assert not (tmp_path / "mine.zip").exists()
