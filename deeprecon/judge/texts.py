"""The texts of the study page: one flat file per language."""

import os
import re
from pathlib import Path

import yaml

from deeprecon import package_data
from deeprecon.errors import InputError, about

LANGUAGES = {"en": "judge/texts/en.yaml", "ja": "judge/texts/ja.yaml"}
_PLACEHOLDER = re.compile(r"\{(\w*)\}")


def read_texts(language: str | os.PathLike[str]) -> dict[str, str]:
    """Read the texts of a language.

    Parameters
    ----------
    language : "en", "ja", or the path of a YAML file with the same keys as `texts/en.yaml`

    Returns
    -------
    dict
        Key -> text, in the order of the English file.

    Raises
    ------
    InputError
        If the file cannot be read, a text is missing, unknown, empty or not a string, or its
        {placeholders} differ from those of the English text.

    Examples
    --------
    >>> read_texts("en")["left_picture"], read_texts("ja")["left_picture"]
    ('Left picture', '左の画像')
    """
    english = _read(package_data.path(LANGUAGES["en"]))
    if language in LANGUAGES:
        path = package_data.path(LANGUAGES[str(language)])
    else:
        path = Path(language)
        if not path.is_file():
            raise InputError(
                f"language: found {str(language)!r}, expected {' or '.join(LANGUAGES)}, or a file "
                "of texts such as deeprecon/judge/texts/en.yaml"
            )
    with about(path):
        texts = _read(path)
        for key, model in english.items():
            if key not in texts:
                raise InputError(f"missing text {key!r}, in English: {model!r}")
        for key, text in texts.items():
            _check(key, text, english)
    return {key: texts[key] for key in english}


def _read(path: Path) -> dict[str, str]:
    try:
        texts = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        words = " ".join(str(error).split())
        raise InputError(f"cannot be read as YAML in UTF-8 ({words})") from None
    if not isinstance(texts, dict):
        raise InputError(f"found {type(texts).__name__}, expected lines of the form key: text")
    return texts


def _check(key: str, text: object, english: dict[str, str]) -> None:
    if key not in english:
        raise InputError(f"unknown text {key!r}; known: {', '.join(english)}")
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{key}: found {text!r}, expected a text")
    found, expected = (sorted(set(_PLACEHOLDER.findall(t))) for t in (text, english[key]))
    if found != expected:
        wanted = ", ".join(f"{{{name}}}" for name in expected) or "none"
        given = ", ".join(f"{{{name}}}" for name in found) or "none"
        raise InputError(f"{key}: found placeholders {given}, expected {wanted}")
    if key == "direction" and text not in ("ltr", "rtl"):
        raise InputError(f"direction: found {text!r}, expected ltr or rtl")
