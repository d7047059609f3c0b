from __future__ import annotations

import asyncio
import contextlib
import io
import os
import threading

import pytest

from redshank.alert.broken import BrokenChannel
from redshank.alert.console import ConsoleChannel, ConsoleSettings
from redshank.alert.message import Place
from redshank.errors import ChannelError, ChannelRefused
from tests.alert import sample


async def test_one_line_says_it_all() -> None:
    out = io.StringIO()
    await ConsoleChannel(ConsoleSettings(), out).send(sample.message(), "")
    assert out.getvalue() == (
        "2026-11-21 08:03:12 CET  OPEN  Person at Front door  person 87.3 %, dog 43.2 %"
        "  https://nvr.example.org/alerts/0190a000-0000-7000-8000-000000000001\n"
    )


async def test_a_name_cannot_write_to_the_terminal() -> None:
    out = io.StringIO()
    await ConsoleChannel(ConsoleSettings(), out).send(sample.message(place=Place("a\x1b]0;owned\x07\nb")), "")
    assert "\x1b" not in out.getvalue()
    assert out.getvalue().count("\n") == 1


async def test_a_terminal_that_takes_nothing_blocks_nobody_and_piles_nothing_up() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(65536))
    os.set_blocking(writer, True)
    before = threading.active_count()
    with os.fdopen(writer, "w") as stuck:
        channel = ConsoleChannel(ConsoleSettings(timeout_s=0.1), stuck)
        for _ in range(5):
            with pytest.raises(ChannelError, match="takes no output"):
                await channel.send(sample.message(), "")
        assert threading.active_count() - before <= 1
        os.set_blocking(reader, False)
        while channel._writing is not None and not channel._writing.done():
            try:
                os.read(reader, 65536)
            except BlockingIOError:
                await asyncio.sleep(0)
    os.close(reader)


async def test_a_closed_output_is_one_clear_line() -> None:
    out = io.StringIO()
    out.close()
    with pytest.raises(ChannelError, match="standard output is closed"):
        await ConsoleChannel(ConsoleSettings(), out).send(sample.message(), "")


async def test_a_broken_channel_says_at_every_message_what_is_wrong() -> None:
    channel = BrokenChannel("mail", "channels.mail.sender: 'x' is not a mail address")
    with pytest.raises(ChannelRefused, match=r"channels\.mail\.sender"):
        await channel.send(sample.message(), "")
    await channel.close()
