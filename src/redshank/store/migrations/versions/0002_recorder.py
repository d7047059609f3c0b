"""The recorder: segments, gaps, deletions, holds, volumes, switches, and the history of the configuration."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _config_history()
    _deletions()
    _gaps()
    _holds()
    _segment_totals()
    _segments()
    _switches()
    _volumes()
    _indexes()


def _config_history() -> None:
    op.create_table(
        "config_history",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
            comment="rises with each row",
        ),
        _site(),
        _time("time", "when it came into use"),
        _text("sha256", "of the text, hex"),
        _text("text", "the configuration file as it was, without resolved secrets"),
        sa.PrimaryKeyConstraint("number"),
        comment="every configuration that was in use",
    )


def _deletions() -> None:
    op.create_table(
        "deletions",
        _site(),
        _text("volume", "id of the volume"),
        _text("path", "file below its root"),
        _count("size", "bytes of the file"),
        sa.PrimaryKeyConstraint("site", "volume", "path"),
        comment="files whose row is gone and that are still to be unlinked",
    )


def _gaps() -> None:
    op.create_table(
        "gaps",
        _site(),
        _text("camera", "camera id"),
        _text("stream", "main or sub"),
        sa.Column(
            "start",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="footage ends there, UTC microseconds",
        ),
        _time("end", "footage begins again; null while it goes on", nullable=True),
        _text("reason", "offline, private, expired …"),
        sa.PrimaryKeyConstraint("site", "camera", "stream", "start"),
        comment="spans without footage; never over footage, never over one another",
    )


def _holds() -> None:
    op.create_table(
        "holds",
        _text("id", "UUIDv7"),
        _site(),
        _text("camera", "camera id; empty = every camera"),
        _time("start", "held from"),
        _time("end", "held until"),
        _text("reason", "why, for people"),
        _time("created", "when it was set"),
        sa.PrimaryKeyConstraint("id"),
        comment="footage that retention must not delete",
    )


def _segment_totals() -> None:
    op.create_table(
        "segment_totals",
        _site(),
        _text("camera", "camera id"),
        _text("stream", "main or sub"),
        _text("volume", "id of a volume"),
        _count("count", "segments there"),
        _count("bytes", "of their files"),
        _time("first", "start of the earliest"),
        _time("last", "end of the latest"),
        sa.PrimaryKeyConstraint("site", "camera", "stream", "volume"),
        comment="sums over segments, changed in the same transactions",
    )


def _segments() -> None:
    op.create_table(
        "segments",
        _site(),
        _text("camera", "camera id"),
        _text("stream", "main or sub"),
        sa.Column(
            "seq",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="rises with each file of a stream, never repeats",
        ),
        _text("volume", "id of the volume it lies on"),
        _text("path", "file below the root of the volume"),
        _time("start", "its first picture is shown"),
        _time("end", "what follows it is shown"),
        _count("size", "bytes of the file"),
        _count("media_from", "byte at which the first fragment begins"),
        _count("media_to", "byte at which the last fragment ends"),
        sa.Column("frames", sa.Integer(), nullable=False, comment="pictures in it"),
        _text("video", "h264 or hevc"),
        sa.Column("width", sa.Integer(), nullable=False, comment="pixels"),
        sa.Column("height", sa.Integer(), nullable=False, comment="pixels"),
        _count("epoch", "start of the program that recorded it"),
        _text("setup", "equal where one moov serves two segments"),
        sa.Column(
            "index", sa.LargeBinary(), nullable=False, comment="per keyframe (us since start, byte offset), packed <II"
        ),
        _text("audio", "aac, or empty"),
        _text("boot", "boot id of the kernel, or empty"),
        _count("mono_ns", "monotonic time of start, nanoseconds; compares only within one boot"),
        _text("sha256", "of the file, hex; empty when not computed"),
        sa.Column(
            "motion", sa.Float(), nullable=True, comment="most motion seen meanwhile, 0-1; null when nobody looked"
        ),
        _time("due", "retention may let go of it from then on; null until retention has looked at it", nullable=True),
        sa.PrimaryKeyConstraint("site", "camera", "stream", "seq"),
        comment="recorded files",
    )


def _switches() -> None:
    op.create_table(
        "switches",
        _site(),
        _text("name", "private …"),
        _text("camera", "camera id; empty = every camera"),
        _text("value", "on, off …"),
        _time("until", "holds until then; null = until it is changed", nullable=True),
        sa.PrimaryKeyConstraint("site", "name", "camera"),
        comment="what people switch while it runs, kept over restarts",
    )


def _volumes() -> None:
    op.create_table(
        "volumes",
        _site(),
        _text("id", "as in the identity file of the volume"),
        _text("path", "root it was last opened at; empty when another volume took its place"),
        _count("opened", "counter that rises with each opening, also in the identity file"),
        sa.PrimaryKeyConstraint("site", "id"),
        comment="places where footage lies",
    )


def _indexes() -> None:
    op.create_index("config_history_by_time", "config_history", ["site", "time"], unique=False)
    op.create_index("holds_by_camera", "holds", ["site", "camera", "start"], unique=False)
    op.create_index(
        "segments_by_time", "segments", ["site", "camera", "stream", "start", "end", "motion"], unique=False
    )
    op.create_index("segments_due", "segments", ["site", "volume", "due"], unique=False)
    op.create_index("events_spans", "events", ["site", "camera", "kind", "start", "end"], unique=False)


def _site() -> sa.Column[str]:
    return sa.Column(
        "site", sa.Text(), server_default="default", nullable=False, comment="tenant; default = the only one"
    )


def _text(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, comment=comment)


def _time(name: str, comment: str, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable, comment=f"{comment}, UTC microseconds")


def _count(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, comment=comment)
