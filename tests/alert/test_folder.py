"""The folder channel: what a script finds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from redshank.alert.base import Picture
from redshank.alert.folder import FolderChannel, FolderSettings
from redshank.errors import ChannelError
from tests.alert.sample import alert, message

PICTURE = Picture("door-2026.jpg", b"\xff\xd8jpeg\xff\xd9", 2, 1)


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "alerts.jsonl").read_text().splitlines()]


async def test_a_message_is_a_line_and_its_picture_lies_beside_it(tmp_path: Path) -> None:
    channel = FolderChannel(FolderSettings("folder", tmp_path / "new"))
    await channel.send(message(picture=PICTURE), "")
    (line,) = lines(tmp_path / "new")
    assert (tmp_path / "new" / str(line["file"])).read_bytes() == PICTURE.jpeg


async def test_an_update_is_another_line_that_names_the_first_picture(tmp_path: Path) -> None:
    channel = FolderChannel(FolderSettings("folder", tmp_path))
    reference = await channel.send(message(picture=PICTURE), "")
    await channel.send(message(kind="update", picture=PICTURE), reference)
    first, second = lines(tmp_path)
    assert first["file"] == second["file"] == reference


async def test_two_alerts_in_one_second_keep_their_own_pictures(tmp_path: Path) -> None:
    channel = FolderChannel(FolderSettings("folder", tmp_path))
    for number in ("1", "2"):
        await channel.send(message(of=alert(id="0190a000-0000-7000-8000-00000000000" + number), picture=PICTURE), "")
    assert len({line["file"] for line in lines(tmp_path)}) == 2


async def test_a_folder_that_cannot_be_written_is_tried_again_later(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    channel = FolderChannel(FolderSettings("folder", tmp_path / "taken"))
    with pytest.raises(ChannelError, match="taken"):
        await channel.send(message(), "")
