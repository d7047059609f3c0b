"""Cameras in one shape for the page, whatever shape the file has them in: `streams` with main and sub. Pure.

A file may say `url:` at the camera, Frigate's `inputs:`, or `streams:` with the login at the camera (`source`). The page sees and edits
`cameras.NAME.streams.main.url` in each case; here its edits become those of the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from redshank.config.edit import UNCHANGED, Edit, Path, Plain
from redshank.config.source import ACCESS, ROLES

_SOURCES = ("url", "inputs", "ffmpeg")


def expanded(values: Mapping[str, Any]) -> dict[str, Any]:
    """The file's values, each camera with `streams`."""
    cameras = values.get("cameras")
    if not isinstance(cameras, dict):
        return dict(values)
    return {**values, "cameras": {name: _expanded(camera) for name, camera in cameras.items()}}


def translated(edits: Sequence[Edit], tree: Plain) -> list[Edit]:
    """Edits of `streams` as edits of what the file has. tree: the file."""
    cameras = tree.get("cameras") if isinstance(tree, dict) else None
    made: list[Edit] = []
    turned: set[str | int] = set()
    for edit in edits:
        camera = cameras.get(str(edit.path[1])) if isinstance(cameras, dict) and len(edit.path) > 1 else None
        if edit.path[0] != "cameras" or not isinstance(camera, dict) or not _about_streams(edit):
            made.append(edit)
        elif "streams" in camera or edit.path[1] in turned:
            made += _without_inherited(edit, camera)
        elif "url" in camera and edit.path[2:4] == ("streams", "main") and len(edit.path) > 3:
            made += _at_the_camera(edit, camera)
        else:
            made += [*_turned(edit.path[:2], camera), edit]
            turned.add(edit.path[1])
    return made


def streams_of(camera: Mapping[str, Any]) -> dict[str, Any]:
    """Of a camera as it is written; what makes no sense is left out."""
    common = {key: camera[key] for key in ACCESS if key in camera}
    streams = camera.get("streams")
    if isinstance(streams, dict):
        return {name: {**common, **one} if isinstance(one, dict) else one for name, one in streams.items()}
    if "url" in camera:
        return {"main": {"url": camera["url"], **common}}
    ffmpeg = camera.get("ffmpeg")
    inputs = camera.get("inputs", ffmpeg.get("inputs") if isinstance(ffmpeg, dict) else None)
    found = [one for one in inputs if isinstance(one, dict)] if isinstance(inputs, list) else []
    if not found:
        return {}
    main = next((one for one in found if "record" in _roles(one)), found[0])
    sub = next((one for one in found if "detect" in _roles(one) and one is not main), None)
    chosen = {"main": main} if sub is None or "detect" in _roles(main) else {"main": main, "sub": sub}
    return {name: {**_stream(one), **{k: v for k, v in common.items() if k not in one}} for name, one in chosen.items()}


def _expanded(camera: Any) -> Any:
    if not isinstance(camera, dict):
        return camera
    streams = streams_of(camera)
    rest = {key: one for key, one in camera.items() if key not in (*_SOURCES, *ACCESS, "streams")}
    return {**rest, "streams": streams} if streams else camera


def _stream(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {("url" if key == "path" else key): one for key, one in tree.items() if key != "roles"}


def _roles(tree: Mapping[str, Any]) -> set[str]:
    roles = tree.get("roles")
    words = roles.split(",") if isinstance(roles, str) else roles if isinstance(roles, list) else []
    return {str(word).strip() for word in words} & set(ROLES)


def _about_streams(edit: Edit) -> bool:
    if len(edit.path) == 2:
        return edit.op == "set" and isinstance(edit.value, dict) and "streams" in edit.value
    return edit.path[2] == "streams"


def _without_inherited(edit: Edit, camera: Mapping[str, Plain]) -> list[Edit]:
    """What the page got from the camera's own login, and sends back as it was, stays there."""
    here = {key: one for key, one in camera.items() if key in ACCESS}
    value = edit.value
    if len(edit.path) == 5 and edit.path[4] in here and value in (UNCHANGED, here[str(edit.path[4])]):
        return []
    if isinstance(value, dict) and len(edit.path) == 4:
        return [Edit(edit.op, edit.path, _own(value, here))]
    if isinstance(value, dict) and len(edit.path) == 3:
        return [Edit(edit.op, edit.path, {name: _own(one, here) for name, one in value.items()})]
    if isinstance(value, dict) and len(edit.path) == 2:
        streams = value["streams"]
        kept = {name: _own(one, here) for name, one in streams.items()} if isinstance(streams, dict) else streams
        back = {key: UNCHANGED for key in here}
        return [Edit(edit.op, edit.path, {**back, **value, "streams": kept})]
    return [edit]


def _own(value: Any, here: Mapping[str, Plain]) -> Any:
    if not isinstance(value, dict):
        return value
    return {key: one for key, one in value.items() if not (key in here and one in (UNCHANGED, here[key]))}


def _at_the_camera(edit: Edit, camera: Mapping[str, Plain]) -> list[Edit]:
    """`url:` at the camera is all there is: so are the other fields of the stream."""
    where: Path = edit.path[:2]
    if len(edit.path) > 4:
        return [Edit(edit.op, (*where, *edit.path[4:]), edit.value)]
    if edit.op != "set" or not isinstance(edit.value, dict):
        return [*_turned(where, camera), edit]
    gone = [Edit("remove", (*where, key)) for key in ACCESS if key in camera and key not in edit.value]
    return gone + [Edit("set", (*where, key), one) for key, one in edit.value.items()]


def _turned(where: Path, camera: Mapping[str, Plain]) -> list[Edit]:
    """The camera's sources as `streams`, first of all."""
    streams = streams_of(camera)
    if not streams:
        return []
    gone = [Edit("remove", (*where, key)) for key in (*_SOURCES, *ACCESS) if key in camera]
    return [Edit("set", (*where, "streams"), streams), *gone]
