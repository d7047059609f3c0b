"""Packets cross between processes unchanged."""

from __future__ import annotations

import socket
from dataclasses import replace
from fractions import Fraction

import pytest

from redshank.model import Packet, StreamFormat
from redshank.pipe import Note, PipeBroken, pack, unpack
from redshank.process.wire import FORMAT, Receiver, Sender, hand_over, take_over

VIDEO = StreamFormat("video", "h264", Fraction(1, 90_000), b"\x01\x02", 640, 360, 10.0)
SOUND = StreamFormat("audio", "aac", Fraction(1, 48_000), b"\x11", sample_rate=48_000, channels=2)
PACKET = Packet(
    "door", "sub", 3, 7, VIDEO, 1_767_225_600_000_000, 5, 90_000, 90_000, 9_000, True, b"\x00\x00\x00\x01\x65"
)


def crossing(receiver: Receiver, notes: list[Note]) -> list[Packet]:
    return [p for note in notes if (p := receiver.packet(unpack(pack(note)[4:]))) is not None]


def test_a_packet_arrives_as_it_was_sent() -> None:
    assert crossing(Receiver(), Sender().notes(PACKET)) == [PACKET]


def test_a_format_crosses_once_and_its_packets_share_one_object() -> None:
    sender, receiver = Sender(), Receiver()
    second = replace(PACKET, seq=8, keyframe=False)
    first_notes, second_notes = sender.notes(PACKET), sender.notes(second)
    assert [n.kind for n in first_notes].count(FORMAT) == 1
    assert [n.kind for n in second_notes].count(FORMAT) == 0
    a, b = crossing(receiver, first_notes + second_notes)
    assert a.format is b.format


def test_picture_and_sound_keep_their_own_formats() -> None:
    sender, receiver = Sender(), Receiver()
    sound = replace(PACKET, format=SOUND, keyframe=True, data=b"aac")
    notes = sender.notes(PACKET) + sender.notes(sound) + sender.notes(PACKET)
    assert [p.format.codec for p in crossing(receiver, notes)] == ["h264", "aac", "h264"]


def test_new_parameters_are_a_new_object_on_the_other_side_too() -> None:
    sender, receiver = Sender(), Receiver()
    changed = replace(PACKET, format=replace(VIDEO, width=1280, height=720))
    a, b = crossing(receiver, sender.notes(PACKET) + sender.notes(changed))
    assert a.format is not b.format
    assert b.format.width == 1280


@pytest.mark.parametrize("header", [{}, {"p": []}, {"p": ["door"] * 11}, {"p": None}])
def test_nonsense_breaks_the_pipe_instead_of_the_process(header: dict[str, object]) -> None:
    with pytest.raises(PipeBroken):
        Receiver().packet(Note("packet", header))


def test_a_socket_can_be_handed_to_another_process() -> None:
    ours, theirs = socket.socketpair()
    left, right = socket.socketpair()
    with ours, theirs, left, right:
        hand_over(ours, left)
        taken = take_over(theirs)
        assert taken is not None
        with taken:
            taken.sendall(b"hello")
            assert right.recv(5) == b"hello"


def test_nothing_is_taken_when_the_giver_is_gone() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs:
        assert take_over(theirs) is None
