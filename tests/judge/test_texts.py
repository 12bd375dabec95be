"""The words of the page in each language."""

import re
from pathlib import Path

import pytest
import yaml

import deeprecon.judge.texts
from deeprecon.errors import InputError
from deeprecon.judge.texts import LANGUAGES, read_texts

FOLDER = Path(deeprecon.judge.texts.__file__).with_name("texts")
PAGE = FOLDER.with_name("page.html").read_text()


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_language_has_all_texts(language):
    texts = read_texts(language)
    assert texts["lang"] == language
    assert list(texts) == list(read_texts("en"))


def test_the_page_uses_exactly_the_texts_of_the_file():
    keys = set(read_texts("en"))
    used = set(re.findall(r'data-text="(\w+)"', PAGE))
    used |= {name for name in keys if re.search(rf'["\']{name}["\']', PAGE)}
    for family in ("task_", "hint_", "question_"):
        assert f"`{family}${{" in PAGE
        used |= {key for key in keys if key.startswith(family)}
    for name in re.findall(r'message\("(\w+)"\)', PAGE):
        used |= {f"{name}_title", f"{name}_text"}
    used |= {"lang", "direction"}
    assert used == keys


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"agree": None}, "missing text 'agree', in English: 'I agree to take part'"),
        ({"agre": "Ja"}, "unknown text 'agre'"),
        ({"agree": ""}, "agree: found '', expected a text"),
        ({"agree": 7}, "agree: found 7, expected a text"),
        ({"count": "{n}"}, "count: found placeholders {n}, expected {n}, {total}"),
        ({"agree": "Ja {n}"}, "agree: found placeholders {n}, expected none"),
        ({"direction": "up"}, "direction: found 'up', expected ltr or rtl"),
    ],
)
def test_errors_in_a_custom_file_are_named(tmp_path, change, message):
    texts = read_texts("en") | change
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump({key: text for key, text in texts.items() if text is not None}))
    with pytest.raises(InputError, match=re.escape(f"{path}: {message}")):
        read_texts(path)


@pytest.mark.parametrize("content", [b"- a list", b"a: b: c", b"\xff\xfe\x00", b""])
def test_files_without_texts_are_refused_in_one_line(tmp_path, content):
    path = tmp_path / "own.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_texts(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_an_unknown_language_names_the_known_ones():
    with pytest.raises(InputError, match="found 'tlh', expected en or ja, or a file"):
        read_texts("tlh")


def test_a_custom_language(tmp_path):
    path = tmp_path / "de.yaml"
    texts = read_texts("en") | {"lang": "de", "agree": "Ich nehme teil"}
    path.write_text(yaml.safe_dump(texts, allow_unicode=True))
    assert read_texts(str(path))["agree"] == "Ich nehme teil"
