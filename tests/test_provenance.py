import pytest

from deeprecon import provenance
from deeprecon.provenance import code_digest, digest, stamp


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A script and a package of three modules; the script imports one, which imports another."""
    package = tmp_path / "deeprecon"
    (package / "stage").mkdir(parents=True)
    (package / "__init__.py").write_text('__version__ = "1"\n')
    (package / "stage" / "__init__.py").write_text("")
    (package / "stage" / "a.py").write_text("from deeprecon.stage import b\n")
    (package / "stage" / "b.py").write_text('"""Doc."""\n\ndef f(x):\n    return x + 1\n')
    (package / "stage" / "c.py").write_text("unused = 1\n")
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "_job.py").write_text("def job():\n    return 1\n")
    (scripts / "run.py").write_text("from _job import job\nfrom deeprecon.stage.a import b\n")
    (scripts / "page.html").write_text("<p>")
    monkeypatch.setattr(provenance, "_PACKAGE", package)
    return tmp_path


def fresh_digest(folder, *data):
    """Digest as a new process would compute it."""
    for cached in (provenance._tree, provenance._tree_digest, provenance._imported):
        cached.cache_clear()
    return code_digest(folder / "scripts" / "run.py", *data)


@pytest.mark.parametrize(
    ("file", "content", "changes"),
    [
        ("deeprecon/stage/b.py", "def f(x):\n    return x + 2\n", True),
        (
            "deeprecon/stage/b.py",
            '"""Other."""\n\n# why\ndef f(x):\n  "d"\n  return x + 1\n',
            False,
        ),
        ("deeprecon/stage/c.py", "unused = 2\n", False),
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


def test_digest_of_data_files_is_of_their_bytes(script):
    page = script / "scripts" / "page.html"
    before = fresh_digest(script, page)
    page.write_text("<p><!-- -->")
    assert fresh_digest(script, page) != before


def test_stamp_names_no_machine_or_time():
    attributes = stamp("demo", "decode", {"alpha": 100}, "sub-01")
    assert attributes["created_by"] == "decode"
    assert attributes == stamp("demo", "decode", {"alpha": 100}, "sub-01")
    assert attributes["config_digest"] == digest({"alpha": 100}) != digest({"alpha": 101})
