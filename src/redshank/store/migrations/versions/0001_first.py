"""The first schema: what redshank.store.schema held when version 0.1 was made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _alerts()
    _deliveries()
    _events()
    _meta()
    _notifications()
    _pictures()
    _rule_state()
    _stills()
    _verdicts()


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Text(), nullable=False, comment="UUIDv7"),
        sa.Column(
            "site", sa.Text(), server_default="default", nullable=False, comment="tenant; default = the only one"
        ),
        sa.Column("rule", sa.Text(), nullable=False, comment="rule name"),
        sa.Column("camera", sa.Text(), nullable=False, comment="camera id"),
        sa.Column("state", sa.Text(), nullable=False, comment="open or closed"),
        sa.Column("opened", sa.BigInteger(), nullable=False, comment="observation that opened it, UTC microseconds"),
        sa.Column("updated", sa.BigInteger(), nullable=False, comment="last change, UTC microseconds"),
        sa.Column("closed", sa.BigInteger(), nullable=True, comment="end, UTC microseconds"),
        sa.Column("label", sa.Text(), nullable=False, comment="best label so far"),
        sa.Column("score", sa.Float(), nullable=False, comment="best so far, 0-1"),
        sa.Column("box", sa.JSON(none_as_null=True), nullable=True, comment="[x1, y1, x2, y2]"),
        sa.Column("tracks", sa.JSON(none_as_null=True), nullable=False, comment="event ids in it, at most 100"),
        sa.Column("zones", sa.JSON(none_as_null=True), nullable=False, comment="zones entered so far"),
        sa.Column("severity", sa.Text(), nullable=False, comment="alert or quiet"),
        sa.Column("verdict", sa.JSON(none_as_null=True), nullable=False, comment="the one that opened it"),
        sa.Column("revision", sa.Integer(), nullable=False, comment="rises with each update"),
        sa.Column(
            "grouped",
            sa.Integer(),
            nullable=False,
            comment="further triggers the rule's rate limit put into this alert",
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="why it closed: ended, lost, restarted, rule removed …"),
        sa.PrimaryKeyConstraint("id"),
        comment="incidents a user wants to know of",
    )
    op.create_index("alerts_by_camera", "alerts", ["site", "camera", "opened"], unique=False)
    op.create_index("alerts_by_time", "alerts", ["site", "opened"], unique=False)
    op.create_index("alerts_open", "alerts", ["site", "state"], unique=False)


def _deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
            comment="rises with each row",
        ),
        sa.Column(
            "site", sa.Text(), server_default="default", nullable=False, comment="tenant; default = the only one"
        ),
        sa.Column("notification", sa.Text(), nullable=False, comment="notification id"),
        sa.Column("alert", sa.Text(), nullable=False, comment="alert id"),
        sa.Column("channel", sa.Text(), nullable=False, comment="channel name"),
        sa.Column("attempt", sa.Integer(), nullable=False, comment="1 for the first"),
        sa.Column("time", sa.BigInteger(), nullable=False, comment="end of the try, UTC microseconds"),
        sa.Column("outcome", sa.Text(), nullable=False, comment="sent, dry_run, failed or dead"),
        sa.Column("error", sa.Text(), nullable=False, comment="one line, without any credential"),
        sa.PrimaryKeyConstraint("number"),
        comment="every try to deliver a notification",
    )
    op.create_index("deliveries_by_notification", "deliveries", ["site", "notification"], unique=False)
    op.create_index("deliveries_by_time", "deliveries", ["site", "time"], unique=False)


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Text(), nullable=False, comment="UUIDv7; of a track event the track's own"),
        sa.Column(
            "site", sa.Text(), server_default="default", nullable=False, comment="tenant; default = the only one"
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="track, motion or health"),
        sa.Column("camera", sa.Text(), nullable=False, comment="camera id"),
        sa.Column("start", sa.BigInteger(), nullable=False, comment="first seen, UTC microseconds"),
        sa.Column("end", sa.BigInteger(), nullable=True, comment="last seen; null while it goes on, UTC microseconds"),
        sa.Column("label", sa.Text(), nullable=False, comment="class, empty for plain motion"),
        sa.Column("score", sa.Float(), nullable=False, comment="best so far, 0-1"),
        sa.Column(
            "box", sa.JSON(none_as_null=True), nullable=True, comment="[x1, y1, x2, y2] in 0-1 of the reference picture"
        ),
        sa.Column(
            "best_time",
            sa.BigInteger(),
            nullable=True,
            comment="when it was seen best: time of its still, UTC microseconds",
        ),
        sa.Column("zones", sa.JSON(none_as_null=True), nullable=False, comment="names of every zone entered so far"),
        sa.Column("data", sa.JSON(none_as_null=True), nullable=False, comment="anything else, by name"),
        sa.PrimaryKeyConstraint("id"),
        comment="things that happened",
    )
    op.create_index("events_by_camera", "events", ["site", "camera", "start"], unique=False)
    op.create_index("events_by_time", "events", ["site", "start"], unique=False)
    op.create_index("events_open", "events", ["site", "end", "camera"], unique=False)


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column(
            "site", sa.Text(), server_default="default", nullable=False, comment="tenant; default = the only one"
        ),
        sa.Column("name", sa.Text(), nullable=False, comment="epoch (the counter raised at each start) …"),
        sa.Column("value", sa.Text(), nullable=False, comment="as text"),
        sa.PrimaryKeyConstraint("site", "name"),
        comment="single values of a site",
    )


def _notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
            comment="rises with each row",
        ),
        sa.Column("id", sa.Text(), nullable=False, comment="UUIDv7, the same on every retry"),
        sa.Column(
            "site", sa.Text(), server_default="default", nullable=False, comment="tenant; default = the only one"
        ),
        sa.Column("alert", sa.Text(), nullable=False, comment="alert id; empty for a test"),
        sa.Column("channel", sa.Text(), nullable=False, comment="channel name"),
        sa.Column("kind", sa.Text(), nullable=False, comment="open, update, close or test"),
        sa.Column("status", sa.Text(), nullable=False, comment="queued, sent, dry_run, suppressed or dead"),
        sa.Column("created", sa.BigInteger(), nullable=False, comment="wall time it was queued, UTC microseconds"),
        sa.Column("due", sa.BigInteger(), nullable=False, comment="not tried before, UTC microseconds"),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="tries so far"),
        sa.Column("error", sa.Text(), nullable=False, comment="why the last try failed, or why it is held back"),
        sa.Column(
            "cooldown",
            sa.Text(),
            nullable=False,
            comment="key of the cooldown it reserves: rule, camera and what the rule adds",
        ),
        sa.Column(
            "happened",
            sa.BigInteger(),
            nullable=False,
            comment="time of the change it tells of; cooldowns are counted on this line, UTC microseconds",
        ),
        sa.Column(
            "claimed",
            sa.BigInteger(),
            nullable=False,
            comment="a sender works on it until then; 0 = nobody, UTC microseconds",
        ),
        sa.Column(
            "reference",
            sa.Text(),
            nullable=False,
            comment="what the channel returned for it (message or thread), for later updates",
        ),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("id"),
        comment="the outbox",
    )
    op.create_index("notifications_by_alert", "notifications", ["site", "alert", "channel"], unique=False)
    op.create_index(
        "notifications_cooldown", "notifications", ["site", "cooldown", "channel", "happened"], unique=False
    )
    op.create_index("notifications_due", "notifications", ["site", "status", "channel", "due"], unique=False)


def _pictures() -> None:
    op.create_table(
        "pictures",
        sa.Column("id", sa.Text(), nullable=False, comment="UUIDv7"),
        sa.Column(
            "site", sa.Text(), server_default="default", nullable=False, comment="tenant; default = the only one"
        ),
        sa.Column("camera", sa.Text(), nullable=False, comment="camera id"),
        sa.Column("kind", sa.Text(), nullable=False, comment="best, alert, clean …"),
        sa.Column("event", sa.Text(), nullable=False, comment="event id, or empty"),
        sa.Column("alert", sa.Text(), nullable=False, comment="alert id, or empty"),
        sa.Column("time", sa.BigInteger(), nullable=False, comment="of the frame, UTC microseconds"),
        sa.Column(
            "path", sa.Text(), nullable=False, comment="name below the media root; the bytes are never in the database"
        ),
        sa.Column("width", sa.Integer(), nullable=False, comment="pixels"),
        sa.Column("height", sa.Integer(), nullable=False, comment="pixels"),
        sa.Column("bytes", sa.Integer(), nullable=False, comment="size of the file"),
        sa.Column("sha256", sa.Text(), nullable=False, comment="of the file, hex; empty when not computed"),
        sa.PrimaryKeyConstraint("id"),
        comment="where stills are",
    )
    op.create_index("pictures_by_alert", "pictures", ["site", "alert"], unique=False)
    op.create_index("pictures_by_event", "pictures", ["site", "event"], unique=False)
    op.create_index("pictures_by_time", "pictures", ["site", "camera", "time"], unique=False)


def _rule_state() -> None:
    op.create_table(
        "rule_state",
        sa.Column(
            "site", sa.Text(), server_default="default", nullable=False, comment="tenant; default = the only one"
        ),
        sa.Column("camera", sa.Text(), nullable=False, comment="camera id"),
        sa.Column(
            "rule",
            sa.Text(),
            nullable=False,
            comment="rule name; empty = the camera's scene: known objects and last observation",
        ),
        sa.Column("updated", sa.BigInteger(), nullable=False, comment="observation that changed it, UTC microseconds"),
        sa.Column(
            "state",
            sa.JSON(none_as_null=True),
            nullable=False,
            comment="what the pure core needs to go on (rules.state, rules.scene)",
        ),
        sa.PrimaryKeyConstraint("site", "camera", "rule"),
        comment="the judge's memory, committed together with what it decided",
    )


def _stills() -> None:
    op.create_table(
        "stills",
        sa.Column(
            "site", sa.Text(), server_default="default", nullable=False, comment="tenant; default = the only one"
        ),
        sa.Column("camera", sa.Text(), nullable=False, comment="camera id"),
        sa.Column("track", sa.Text(), nullable=False, comment="track id"),
        sa.Column("label", sa.Text(), nullable=False, comment="class"),
        sa.Column("last_seen", sa.BigInteger(), nullable=False, comment="last seen, UTC microseconds"),
        sa.Column(
            "data", sa.JSON(none_as_null=True), nullable=False, comment="the object as the tracker wrote it down"
        ),
        sa.PrimaryKeyConstraint("site", "camera", "track"),
        comment="the tracker's register of still objects, so that a restart does not take them for new",
    )


def _verdicts() -> None:
    op.create_table(
        "verdicts",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
            comment="rises with each row",
        ),
        sa.Column(
            "site", sa.Text(), server_default="default", nullable=False, comment="tenant; default = the only one"
        ),
        sa.Column("rule", sa.Text(), nullable=False, comment="rule name"),
        sa.Column("camera", sa.Text(), nullable=False, comment="camera id"),
        sa.Column("track", sa.Text(), nullable=False, comment="event id of the object, empty for motion"),
        sa.Column(
            "alert", sa.Text(), nullable=False, comment="alert it opened, updated or closed; empty when nothing fired"
        ),
        sa.Column("time", sa.BigInteger(), nullable=False, comment="observation, UTC microseconds"),
        sa.Column(
            "fired", sa.Boolean(), nullable=False, comment="at the change that opens, updates or closes an alert"
        ),
        sa.Column("change", sa.Text(), nullable=False, comment="open, update, close or none"),
        sa.Column("label", sa.Text(), nullable=False, comment="class at that time"),
        sa.Column("score", sa.Float(), nullable=False, comment="best so far, 0-1"),
        sa.Column("box", sa.JSON(none_as_null=True), nullable=True, comment="[x1, y1, x2, y2]"),
        sa.Column("zones", sa.JSON(none_as_null=True), nullable=False, comment="zones the object counts as inside"),
        sa.Column("conditions", sa.JSON(none_as_null=True), nullable=False, comment="[name, wanted, got, met] each"),
        sa.PrimaryKeyConstraint("number"),
        comment="rules held against objects, kept at each change of what is met, also when nothing fires",
    )
    op.create_index("verdicts_by_alert", "verdicts", ["site", "alert"], unique=False)
    op.create_index("verdicts_by_time", "verdicts", ["site", "camera", "time"], unique=False)
    op.create_index("verdicts_by_track", "verdicts", ["site", "track"], unique=False)
