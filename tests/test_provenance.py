from pathlib import Path

import pytest

from deeprecon import package_data, provenance
from deeprecon.provenance import code_digest, digest, stamp

ROOT = Path(__file__).parent.parent


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A script that imports one of a package's modules, which imports another.

    One module reads a table of the package, and another one fills a template, which includes a
    style sheet.
    """
    package = tmp_path / "deeprecon"
    (package / "stage").mkdir(parents=True)
    (package / "__init__.py").write_text('__version__ = "1"\n')
    (package / "stage" / "__init__.py").write_text("")
    (package / "stage" / "a.py").write_text("from deeprecon.stage import b\n")
    (package / "stage" / "b.py").write_text('"""Doc."""\n\ndef f(x):\n    return x + 1\n')
    (package / "stage" / "c.py").write_text('path("stage/table.tsv")\n')
    (package / "stage" / "d.py").write_text("PAGES = {1: 'stage/page.html'}\n")
    (package / "stage" / "table.tsv").write_text("name\n")
    (package / "stage" / "page.html").write_text('{% include "stage/style.css" %}')
    (package / "stage" / "style.css").write_text("p {}")
    (package / "stage" / "other.css").write_text("p {}")
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "_job.py").write_text("def job():\n    return 1\n")
    (scripts / "run.py").write_text("from _job import job\nfrom deeprecon.stage.a import b\n")
    (scripts / "download.py").write_text("from deeprecon.stage import c\n")
    (scripts / "report.py").write_text("import deeprecon.stage.d\n")
    monkeypatch.setattr(provenance, "_PACKAGE", package)
    yield tmp_path
    forget()


def forget():
    """Let the next digest be computed as in a new process."""
    for cached in (provenance.code_digest, provenance._examined, provenance._data_files):
        cached.cache_clear()


def fresh_digest(folder, script="run"):
    forget()
    return code_digest(folder / "scripts" / f"{script}.py")


@pytest.mark.parametrize(
    ("file", "content", "changes"),
    [
        ("deeprecon/stage/b.py", "def f(x):\n    return x + 2\n", True),
        (
            "deeprecon/stage/b.py",
            '"""Other."""\n\n# why\ndef f(x):\n  "d"\n  return x + 1\n',
            False,
        ),
        ("deeprecon/stage/c.py", "path(2)\n", False),
        ("deeprecon/stage/__init__.py", "import os\n", True),
        ("deeprecon/__init__.py", '__version__ = "2"\n', False),
        ("scripts/_job.py", "def job():\n    return 2\n", True),
        ("scripts/run.py", "from _job import job\nfrom deeprecon.stage.a import b\nb\n", True),
    ],
)
def test_digest_follows_code_and_nothing_else(script, file, content, changes):
    before = fresh_digest(script)
    (script / file).write_text(content)
    assert (fresh_digest(script) != before) is changes


@pytest.mark.parametrize(
    ("file", "users"),
    [
        ("table.tsv", {"download"}),
        ("page.html", {"report"}),
        ("style.css", {"report"}),  # only the template names it
        ("other.css", set()),
    ],
)
def test_a_data_file_counts_for_the_scripts_that_use_it(script, file, users):
    scripts = ("run", "download", "report")
    before = {name: fresh_digest(script, name) for name in scripts}
    with (script / "deeprecon" / "stage" / file).open("a") as stream:
        stream.write("\n")
    assert {name for name in scripts if fresh_digest(script, name) != before[name]} == users


@pytest.mark.parametrize(
    ("script", "files"),
    [
        ("download", {"data/downloads.tsv"}),
        ("import_decoded", {"decode/kamitani_files.tsv"}),
        ("reconstruct", {"reconstruct/dists_vgg19.tsv"}),
        ("study_page", {"judge/page.html", "judge/texts/en.yaml", "judge/texts/ja.yaml"}),
        ("quality_page", {"report/quality.html", "report/style.css", "report/table.html"}),
        ("samples", set()),
    ],
)
def test_the_data_files_of_our_own_scripts_are_found(script, files):
    found, waiting = set(), [ROOT / "workflow" / "scripts" / f"{script}.py"]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += provenance._examined(path)[1]
    data = {path.relative_to(package_data.FOLDER).as_posix() for path in found - _modules(found)}
    assert files <= data
    assert files or not data


def _modules(paths):
    return {path for path in paths if path.suffix == ".py"}


def test_every_data_file_of_the_package_is_named_somewhere():
    """A path put together from parts would be found by no digest."""
    used = set()
    for path in package_data.FOLDER.rglob("*.*"):
        if path.suffix in (".py", ".html"):
            used.update(provenance._examined(path)[1])
    assert set(provenance._data_files().values()) <= used


def test_stamp_names_no_machine_or_time():
    attributes = stamp("demo", "decode", {"alpha": 100}, "sub-01")
    assert attributes["created_by"] == "decode"
    assert attributes == stamp("demo", "decode", {"alpha": 100}, "sub-01")
    assert attributes["config_digest"] == digest({"alpha": 100}) != digest({"alpha": 101})
