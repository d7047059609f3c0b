"""The tables, as SQLAlchemy Core sees them. What creates them are the migrations; a test keeps the two equal.

Portable types only, so that SQLite and PostgreSQL hold the same rows: ids are text, times int64 UTC microseconds, shapes are JSON.
Every table has `site`, and every query is scoped by it.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, LargeBinary, Table

from redshank.store import schema_access as schema_access  # whoever reads the metadata here gets those tables too
from redshank.store import schema_review as schema_review
from redshank.store.columns import count, json, number, site, text, time
from redshank.store.columns import metadata as metadata

HEAD = "0003"
"""The newest migration; the same as the head of `store/migrations`. An equal value in the database means nothing to do."""

meta = Table(
    "meta",
    metadata,
    site(primary_key=True),
    text("name", "epoch (the counter raised at each start) …", primary_key=True),
    text("value", "as text"),
    comment="single values of a site",
)

rule_state = Table(
    "rule_state",
    metadata,
    site(primary_key=True),
    text("camera", "camera id", primary_key=True),
    text("rule", "rule name; empty = the camera's scene: known objects and last observation", primary_key=True),
    time("updated", "observation that changed it"),
    json("state", "what the pure core needs to go on (rules.state, rules.scene)"),
    comment="the judge's memory, committed together with what it decided",
)

events = Table(
    "events",
    metadata,
    text("id", "UUIDv7; of a track event the track's own", primary_key=True),
    site(),
    text("kind", "track, motion or health"),
    text("camera", "camera id"),
    time("start", "first seen"),
    time("end", "last seen; null while it goes on", nullable=True),
    text("label", "class, empty for plain motion"),
    Column("score", Float, nullable=False, comment="best so far, 0-1"),
    json("box", "[x1, y1, x2, y2] in 0-1 of the reference picture", nullable=True),
    time("best_time", "when it was seen best: time of its still", nullable=True),
    json("zones", "names of every zone entered so far"),
    json("data", "anything else, by name"),
    text("alert", "the first alert it led to, or empty", server_default=""),
    # What a list of events can be filtered by lies in the index it is read in (store/search.py).
    Index("events_by_time", "site", "start", "id", "kind", "camera", "label", "alert", "zones"),
    Index("events_by_camera", "site", "camera", "start"),
    Index("events_open", "site", "end", "camera"),
    Index("events_spans", "site", "camera", "kind", "start", "end"),  # holds all that retention asks of an event
    comment="things that happened",
)

verdicts = Table(
    "verdicts",
    metadata,
    number(),
    site(),
    text("rule", "rule name"),
    text("camera", "camera id"),
    text("track", "event id of the object, empty for motion"),
    text("alert", "alert it opened, updated or closed; empty when nothing fired"),
    time("time", "observation"),
    Column("fired", Boolean, nullable=False, comment="at the change that opens, updates or closes an alert"),
    text("change", "open, update, close or none"),
    text("label", "class at that time"),
    Column("score", Float, nullable=False, comment="best so far, 0-1"),
    json("box", "[x1, y1, x2, y2]", nullable=True),
    json("zones", "zones the object counts as inside"),
    json("conditions", "[name, wanted, got, met] each"),
    Index("verdicts_by_time", "site", "camera", "time"),
    Index("verdicts_by_track", "site", "track"),
    Index("verdicts_by_alert", "site", "alert"),
    comment="rules held against objects, kept at each change of what is met, also when nothing fires",
)

alerts = Table(
    "alerts",
    metadata,
    text("id", "UUIDv7", primary_key=True),
    site(),
    text("rule", "rule name"),
    text("camera", "camera id"),
    text("state", "open or closed"),
    time("opened", "observation that opened it"),
    time("updated", "last change"),
    time("closed", "end", nullable=True),
    text("label", "best label so far"),
    Column("score", Float, nullable=False, comment="best so far, 0-1"),
    json("box", "[x1, y1, x2, y2]", nullable=True),
    json("tracks", "event ids in it, at most 100"),
    json("zones", "zones entered so far"),
    text("severity", "alert or quiet"),
    json("verdict", "the one that opened it"),
    Column("revision", Integer, nullable=False, comment="rises with each update"),
    Column("grouped", Integer, nullable=False, comment="further triggers the rule's rate limit put into this alert"),
    text("reason", "why it closed: ended, lost, restarted, rule removed …"),
    Index("alerts_open", "site", "state"),
    Index("alerts_by_time", "site", "opened", "id", "camera", "label", "rule", "severity", "state", "zones"),
    Index("alerts_counts", "site", "camera", "label", "rule", "severity", "state", "zones", "opened"),
    Index("alerts_by_camera", "site", "camera", "opened"),
    comment="incidents a user wants to know of",
)

notifications = Table(
    "notifications",
    metadata,
    number(),
    text("id", "UUIDv7, the same on every retry", unique=True),
    site(),
    text("alert", "alert id; empty for a test"),
    text("channel", "channel name"),
    text("kind", "open, update, close or test"),
    text("status", "queued, sent, dry_run, suppressed or dead"),
    time("created", "wall time it was queued"),
    time("due", "not tried before"),
    Column("attempts", Integer, nullable=False, comment="tries so far"),
    text("error", "why the last try failed, or why it is held back"),
    text("cooldown", "key of the cooldown it reserves: rule, camera and what the rule adds"),
    time("happened", "time of the change it tells of; cooldowns are counted on this line"),
    time("claimed", "a sender works on it until then; 0 = nobody"),
    text("reference", "what the channel returned for it (message or thread), for later updates"),
    Index("notifications_due", "site", "status", "channel", "due"),
    Index("notifications_by_alert", "site", "alert", "channel"),
    Index("notifications_cooldown", "site", "cooldown", "channel", "happened"),
    comment="the outbox",
)

deliveries = Table(
    "deliveries",
    metadata,
    number(),
    site(),
    text("notification", "notification id"),
    text("alert", "alert id"),
    text("channel", "channel name"),
    Column("attempt", Integer, nullable=False, comment="1 for the first"),
    time("time", "end of the try"),
    text("outcome", "sent, dry_run, failed or dead"),
    text("error", "one line, without any credential"),
    Index("deliveries_by_notification", "site", "notification"),
    Index("deliveries_by_time", "site", "time"),
    comment="every try to deliver a notification",
)

stills = Table(
    "stills",
    metadata,
    site(primary_key=True),
    text("camera", "camera id", primary_key=True),
    text("track", "track id", primary_key=True),
    text("label", "class"),
    time("last_seen", "last seen"),
    json("data", "the object as the tracker wrote it down"),
    comment="the tracker's register of still objects, so that a restart does not take them for new",
)

pictures = Table(
    "pictures",
    metadata,
    text("id", "UUIDv7", primary_key=True),
    site(),
    text("camera", "camera id"),
    text("kind", "best, alert, clean …"),
    text("event", "event id, or empty"),
    text("alert", "alert id, or empty"),
    time("time", "of the frame"),
    text("path", "name below the media root; the bytes are never in the database"),
    Column("width", Integer, nullable=False, comment="pixels"),
    Column("height", Integer, nullable=False, comment="pixels"),
    Column("bytes", Integer, nullable=False, comment="size of the file"),
    text("sha256", "of the file, hex; empty when not computed"),
    Index("pictures_by_event", "site", "event"),
    Index("pictures_by_alert", "site", "alert"),
    Index("pictures_by_time", "site", "camera", "time"),
    comment="where stills are",
)

segments = Table(
    "segments",
    metadata,
    site(primary_key=True),
    text("camera", "camera id", primary_key=True),
    text("stream", "main or sub", primary_key=True),
    Column(
        "seq",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        comment="rises with each file of a stream, never repeats",
    ),
    text("volume", "id of the volume it lies on"),
    text("path", "file below the root of the volume"),
    time("start", "its first picture is shown"),
    time("end", "what follows it is shown"),
    count("size", "bytes of the file"),
    count("media_from", "byte at which the first fragment begins"),
    count("media_to", "byte at which the last fragment ends"),
    Column("frames", Integer, nullable=False, comment="pictures in it"),
    text("video", "h264 or hevc"),
    Column("width", Integer, nullable=False, comment="pixels"),
    Column("height", Integer, nullable=False, comment="pixels"),
    count("epoch", "start of the program that recorded it"),
    text("setup", "equal where one moov serves two segments"),
    Column("index", LargeBinary, nullable=False, comment="per keyframe (us since start, byte offset), packed <II"),
    text("audio", "aac, or empty"),
    text("boot", "boot id of the kernel, or empty"),
    count("mono_ns", "monotonic time of start, nanoseconds; compares only within one boot"),
    text("sha256", "of the file, hex; empty when not computed"),
    Column("motion", Float, nullable=True, comment="most motion seen meanwhile, 0-1; null when nobody looked"),
    time("due", "retention may let go of it from then on; null until retention has looked at it", nullable=True),
    Index("segments_by_time", "site", "camera", "stream", "start", "end", "motion"),  # a timeline reads nothing else
    Index("segments_due", "site", "volume", "due"),
    comment="recorded files",
)

segment_totals = Table(
    "segment_totals",
    metadata,
    site(primary_key=True),
    text("camera", "camera id", primary_key=True),
    text("stream", "main or sub", primary_key=True),
    text("volume", "id of a volume", primary_key=True),
    count("count", "segments there"),
    count("bytes", "of their files"),
    time("first", "start of the earliest"),
    time("last", "end of the latest"),
    comment="sums over segments, changed in the same transactions",
)

deletions = Table(
    "deletions",
    metadata,
    site(primary_key=True),
    text("volume", "id of the volume", primary_key=True),
    text("path", "file below its root", primary_key=True),
    count("size", "bytes of the file"),
    comment="files whose row is gone and that are still to be unlinked",
)

gaps = Table(
    "gaps",
    metadata,
    site(primary_key=True),
    text("camera", "camera id", primary_key=True),
    text("stream", "main or sub", primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False, comment="footage ends there, UTC microseconds"),
    time("end", "footage begins again; null while it goes on", nullable=True),
    text("reason", "offline, private, expired …"),
    comment="spans without footage; never over footage, never over one another",
)

holds = Table(
    "holds",
    metadata,
    text("id", "UUIDv7", primary_key=True),
    site(),
    text("camera", "camera id; empty = every camera"),
    time("start", "held from"),
    time("end", "held until"),
    text("reason", "why, for people"),
    time("created", "when it was set"),
    Index("holds_by_camera", "site", "camera", "start"),
    comment="footage that retention must not delete",
)

volumes = Table(
    "volumes",
    metadata,
    site(primary_key=True),
    text("id", "as in the identity file of the volume", primary_key=True),
    text("path", "root it was last opened at; empty when another volume took its place"),
    count("opened", "counter that rises with each opening, also in the identity file"),
    comment="places where footage lies",
)

switches = Table(
    "switches",
    metadata,
    site(primary_key=True),
    text("name", "private …", primary_key=True),
    text("camera", "camera id; empty = every camera", primary_key=True),
    text("value", "on, off …"),
    time("until", "holds until then; null = until it is changed", nullable=True),
    comment="what people switch while it runs, kept over restarts",
)

# Of version 0.2, and read by nothing any more: copies are files (config/history.py). A later migration may drop it.
config_history = Table(
    "config_history",
    metadata,
    number(),
    site(),
    time("time", "when it came into use"),
    text("sha256", "of the text, hex"),
    text("text", "the configuration file as it was, without resolved secrets"),
    Index("config_history_by_time", "site", "time"),
    comment="every configuration that was in use",
)
