"""Values that never print, and how they get into the configuration.

`${NAME}` and `${NAME:-default}` (and Frigate's `{FRIGATE_NAME}`) come from the environment, `!secret name` from `secrets.yaml` beside
the configuration, `file:/path` (in secret fields only) from a file such as a Docker secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler, ValidationInfo
from pydantic_core import CoreSchema, core_schema

from redshank.config.document import Text, Tree, text

_REFERENCE = re.compile(
    r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|\{(?P<frigate>FRIGATE_[A-Z0-9_]+)\}"
)
_MAX_FILE = 64 * 1024


class Secret:
    """A password, token or key. Only `reveal` gives it away."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            _validate, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )


def _validate(value: object, info: ValidationInfo) -> Secret:
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise ValueError("expected text, `${NAME}`, `!secret name` or `file:/path`")
    if not value.startswith("file:"):
        return Secret(str(value))
    folder: Path = (info.context or {}).get("folder", Path())
    return Secret(_read(folder / value.removeprefix("file:").removeprefix("//")))


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
        if len(content) > _MAX_FILE:
            raise ValueError(f"the file {path} is too large for a secret: expected at most {_MAX_FILE} bytes")
        return content.decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ValueError(f"expected a readable file {path} ({reason})") from None


def fill(tree: Tree, environ: Mapping[str, str], secrets: Mapping[str, str] | str) -> Tree:
    """The same tree with every reference replaced. What was filled in is hidden; what could not be carries its trouble.

    `secrets` is the content of secrets.yaml, or the reason why there is none.
    """
    if isinstance(tree, dict):
        return {key: fill(child, environ, secrets) for key, child in tree.items()}
    if isinstance(tree, list):
        return [fill(child, environ, secrets) for child in tree]
    if tree is None:
        return None
    return _named(tree, secrets) if tree.secret_name else _from_environment(tree, environ)


def _named(value: Text, secrets: Mapping[str, str] | str) -> Text:
    if isinstance(secrets, str):
        return text(value, value.where, hidden=True, trouble=secrets)
    if value not in secrets:
        return text(
            value, value.where, hidden=True, trouble="expected this name in secrets.yaml beside the configuration"
        )
    return text(secrets[value], value.where, hidden=True)


def _from_environment(value: Text, environ: Mapping[str, str]) -> Text:
    missing: list[str] = []

    def one(match: re.Match[str]) -> str:
        name, default = match["name"] or match["frigate"], match["default"]
        if environ.get(name):
            return environ[name]
        if default is None:
            missing.append(name)
        return default or ""

    filled = _REFERENCE.sub(one, value)
    if not _REFERENCE.search(value):
        return value
    trouble = f"expected the environment variable {', '.join(missing)} to be set" if missing else ""
    return text(filled, value.where, hidden=True, trouble=trouble)
