"""The tables, as SQLAlchemy Core sees them. What creates them are the migrations; a test keeps the two equal.

Portable types only, so that SQLite and PostgreSQL hold the same rows: ids are text, times int64 UTC microseconds, shapes are JSON.
Every table has `site`, and every query is scoped by it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Index, Integer, LargeBinary, MetaData, Table, Text

from redshank.model import SITE

HEAD = "0002"
"""The newest migration; the same as the head of `store/migrations`. An equal value in the database means nothing to do."""

metadata = MetaData()


def _site(primary_key: bool = False) -> Column[str]:
    return Column(
        "site",
        Text,
        primary_key=primary_key,
        nullable=False,
        server_default=SITE,
        comment="tenant; default = the only one",
    )


def _text(name: str, comment: str, **kind: Any) -> Column[str]:
    return Column(name, Text, nullable=False, comment=comment, **kind)


def _time(name: str, comment: str, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable, comment=f"{comment}, UTC microseconds")


def _json(name: str, comment: str, nullable: bool = False) -> Column[Any]:
    return Column(name, JSON(none_as_null=True), nullable=nullable, comment=comment)


def _count(name: str, comment: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, comment=comment)


def _number() -> Column[int]:
    key = BigInteger().with_variant(Integer, "sqlite")
    return Column("number", key, primary_key=True, autoincrement=True, comment="rises with each row")


meta = Table(
    "meta",
    metadata,
    _site(primary_key=True),
    _text("name", "epoch (the counter raised at each start) …", primary_key=True),
    _text("value", "as text"),
    comment="single values of a site",
)

rule_state = Table(
    "rule_state",
    metadata,
    _site(primary_key=True),
    _text("camera", "camera id", primary_key=True),
    _text("rule", "rule name; empty = the camera's scene: known objects and last observation", primary_key=True),
    _time("updated", "observation that changed it"),
    _json("state", "what the pure core needs to go on (rules.state, rules.scene)"),
    comment="the judge's memory, committed together with what it decided",
)

events = Table(
    "events",
    metadata,
    _text("id", "UUIDv7; of a track event the track's own", primary_key=True),
    _site(),
    _text("kind", "track, motion or health"),
    _text("camera", "camera id"),
    _time("start", "first seen"),
    _time("end", "last seen; null while it goes on", nullable=True),
    _text("label", "class, empty for plain motion"),
    Column("score", Float, nullable=False, comment="best so far, 0-1"),
    _json("box", "[x1, y1, x2, y2] in 0-1 of the reference picture", nullable=True),
    _time("best_time", "when it was seen best: time of its still", nullable=True),
    _json("zones", "names of every zone entered so far"),
    _json("data", "anything else, by name"),
    Index("events_by_time", "site", "start"),
    Index("events_by_camera", "site", "camera", "start"),
    Index("events_open", "site", "end", "camera"),
    Index("events_spans", "site", "camera", "kind", "start", "end"),  # holds all that retention asks of an event
    comment="things that happened",
)

verdicts = Table(
    "verdicts",
    metadata,
    _number(),
    _site(),
    _text("rule", "rule name"),
    _text("camera", "camera id"),
    _text("track", "event id of the object, empty for motion"),
    _text("alert", "alert it opened, updated or closed; empty when nothing fired"),
    _time("time", "observation"),
    Column("fired", Boolean, nullable=False, comment="at the change that opens, updates or closes an alert"),
    _text("change", "open, update, close or none"),
    _text("label", "class at that time"),
    Column("score", Float, nullable=False, comment="best so far, 0-1"),
    _json("box", "[x1, y1, x2, y2]", nullable=True),
    _json("zones", "zones the object counts as inside"),
    _json("conditions", "[name, wanted, got, met] each"),
    Index("verdicts_by_time", "site", "camera", "time"),
    Index("verdicts_by_track", "site", "track"),
    Index("verdicts_by_alert", "site", "alert"),
    comment="rules held against objects, kept at each change of what is met, also when nothing fires",
)

alerts = Table(
    "alerts",
    metadata,
    _text("id", "UUIDv7", primary_key=True),
    _site(),
    _text("rule", "rule name"),
    _text("camera", "camera id"),
    _text("state", "open or closed"),
    _time("opened", "observation that opened it"),
    _time("updated", "last change"),
    _time("closed", "end", nullable=True),
    _text("label", "best label so far"),
    Column("score", Float, nullable=False, comment="best so far, 0-1"),
    _json("box", "[x1, y1, x2, y2]", nullable=True),
    _json("tracks", "event ids in it, at most 100"),
    _json("zones", "zones entered so far"),
    _text("severity", "alert or quiet"),
    _json("verdict", "the one that opened it"),
    Column("revision", Integer, nullable=False, comment="rises with each update"),
    Column("grouped", Integer, nullable=False, comment="further triggers the rule's rate limit put into this alert"),
    _text("reason", "why it closed: ended, lost, restarted, rule removed …"),
    Index("alerts_open", "site", "state"),
    Index("alerts_by_time", "site", "opened"),
    Index("alerts_by_camera", "site", "camera", "opened"),
    comment="incidents a user wants to know of",
)

notifications = Table(
    "notifications",
    metadata,
    _number(),
    _text("id", "UUIDv7, the same on every retry", unique=True),
    _site(),
    _text("alert", "alert id; empty for a test"),
    _text("channel", "channel name"),
    _text("kind", "open, update, close or test"),
    _text("status", "queued, sent, dry_run, suppressed or dead"),
    _time("created", "wall time it was queued"),
    _time("due", "not tried before"),
    Column("attempts", Integer, nullable=False, comment="tries so far"),
    _text("error", "why the last try failed, or why it is held back"),
    _text("cooldown", "key of the cooldown it reserves: rule, camera and what the rule adds"),
    _time("happened", "time of the change it tells of; cooldowns are counted on this line"),
    _time("claimed", "a sender works on it until then; 0 = nobody"),
    _text("reference", "what the channel returned for it (message or thread), for later updates"),
    Index("notifications_due", "site", "status", "channel", "due"),
    Index("notifications_by_alert", "site", "alert", "channel"),
    Index("notifications_cooldown", "site", "cooldown", "channel", "happened"),
    comment="the outbox",
)

deliveries = Table(
    "deliveries",
    metadata,
    _number(),
    _site(),
    _text("notification", "notification id"),
    _text("alert", "alert id"),
    _text("channel", "channel name"),
    Column("attempt", Integer, nullable=False, comment="1 for the first"),
    _time("time", "end of the try"),
    _text("outcome", "sent, dry_run, failed or dead"),
    _text("error", "one line, without any credential"),
    Index("deliveries_by_notification", "site", "notification"),
    Index("deliveries_by_time", "site", "time"),
    comment="every try to deliver a notification",
)

stills = Table(
    "stills",
    metadata,
    _site(primary_key=True),
    _text("camera", "camera id", primary_key=True),
    _text("track", "track id", primary_key=True),
    _text("label", "class"),
    _time("last_seen", "last seen"),
    _json("data", "the object as the tracker wrote it down"),
    comment="the tracker's register of still objects, so that a restart does not take them for new",
)

pictures = Table(
    "pictures",
    metadata,
    _text("id", "UUIDv7", primary_key=True),
    _site(),
    _text("camera", "camera id"),
    _text("kind", "best, alert, clean …"),
    _text("event", "event id, or empty"),
    _text("alert", "alert id, or empty"),
    _time("time", "of the frame"),
    _text("path", "name below the media root; the bytes are never in the database"),
    Column("width", Integer, nullable=False, comment="pixels"),
    Column("height", Integer, nullable=False, comment="pixels"),
    Column("bytes", Integer, nullable=False, comment="size of the file"),
    _text("sha256", "of the file, hex; empty when not computed"),
    Index("pictures_by_event", "site", "event"),
    Index("pictures_by_alert", "site", "alert"),
    Index("pictures_by_time", "site", "camera", "time"),
    comment="where stills are",
)

segments = Table(
    "segments",
    metadata,
    _site(primary_key=True),
    _text("camera", "camera id", primary_key=True),
    _text("stream", "main or sub", primary_key=True),
    Column(
        "seq",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        comment="rises with each file of a stream, never repeats",
    ),
    _text("volume", "id of the volume it lies on"),
    _text("path", "file below the root of the volume"),
    _time("start", "its first picture is shown"),
    _time("end", "what follows it is shown"),
    _count("size", "bytes of the file"),
    _count("media_from", "byte at which the first fragment begins"),
    _count("media_to", "byte at which the last fragment ends"),
    Column("frames", Integer, nullable=False, comment="pictures in it"),
    _text("video", "h264 or hevc"),
    Column("width", Integer, nullable=False, comment="pixels"),
    Column("height", Integer, nullable=False, comment="pixels"),
    _count("epoch", "start of the program that recorded it"),
    _text("setup", "equal where one moov serves two segments"),
    Column("index", LargeBinary, nullable=False, comment="per keyframe (us since start, byte offset), packed <II"),
    _text("audio", "aac, or empty"),
    _text("boot", "boot id of the kernel, or empty"),
    _count("mono_ns", "monotonic time of start, nanoseconds; compares only within one boot"),
    _text("sha256", "of the file, hex; empty when not computed"),
    Column("motion", Float, nullable=True, comment="most motion seen meanwhile, 0-1; null when nobody looked"),
    _time("due", "retention may let go of it from then on; null until retention has looked at it", nullable=True),
    Index("segments_by_time", "site", "camera", "stream", "start", "end", "motion"),  # a timeline reads nothing else
    Index("segments_due", "site", "volume", "due"),
    comment="recorded files",
)

segment_totals = Table(
    "segment_totals",
    metadata,
    _site(primary_key=True),
    _text("camera", "camera id", primary_key=True),
    _text("stream", "main or sub", primary_key=True),
    _text("volume", "id of a volume", primary_key=True),
    _count("count", "segments there"),
    _count("bytes", "of their files"),
    _time("first", "start of the earliest"),
    _time("last", "end of the latest"),
    comment="sums over segments, changed in the same transactions",
)

deletions = Table(
    "deletions",
    metadata,
    _site(primary_key=True),
    _text("volume", "id of the volume", primary_key=True),
    _text("path", "file below its root", primary_key=True),
    _count("size", "bytes of the file"),
    comment="files whose row is gone and that are still to be unlinked",
)

gaps = Table(
    "gaps",
    metadata,
    _site(primary_key=True),
    _text("camera", "camera id", primary_key=True),
    _text("stream", "main or sub", primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False, comment="footage ends there, UTC microseconds"),
    _time("end", "footage begins again; null while it goes on", nullable=True),
    _text("reason", "offline, private, expired …"),
    comment="spans without footage; never over footage, never over one another",
)

holds = Table(
    "holds",
    metadata,
    _text("id", "UUIDv7", primary_key=True),
    _site(),
    _text("camera", "camera id; empty = every camera"),
    _time("start", "held from"),
    _time("end", "held until"),
    _text("reason", "why, for people"),
    _time("created", "when it was set"),
    Index("holds_by_camera", "site", "camera", "start"),
    comment="footage that retention must not delete",
)

volumes = Table(
    "volumes",
    metadata,
    _site(primary_key=True),
    _text("id", "as in the identity file of the volume", primary_key=True),
    _text("path", "root it was last opened at; empty when another volume took its place"),
    _count("opened", "counter that rises with each opening, also in the identity file"),
    comment="places where footage lies",
)

switches = Table(
    "switches",
    metadata,
    _site(primary_key=True),
    _text("name", "private …", primary_key=True),
    _text("camera", "camera id; empty = every camera", primary_key=True),
    _text("value", "on, off …"),
    _time("until", "holds until then; null = until it is changed", nullable=True),
    comment="what people switch while it runs, kept over restarts",
)

config_history = Table(
    "config_history",
    metadata,
    _number(),
    _site(),
    _time("time", "when it came into use"),
    _text("sha256", "of the text, hex"),
    _text("text", "the configuration file as it was, without resolved secrets"),
    Index("config_history_by_time", "site", "time"),
    comment="every configuration that was in use",
)
