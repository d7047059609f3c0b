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
    _indexes()


def _alerts() -> None:
    op.create_table(
        "alerts",
        _text("id", "UUIDv7"),
        sa.Column(
            "site", sa.Text(), server_default="default", nullable=False, comment="tenant; default = the only one"
        ),
        _text("rule", "rule name"),
        _text("camera", "camera id"),
        _text("state", "open or closed"),
        _time("opened", "observation that opened it"),
        _time("updated", "last change"),
        sa.Column("closed", sa.BigInteger(), nullable=True, comment="end, UTC microseconds"),
        _text("label", "best label so far"),
        sa.Column("score", sa.Float(), nullable=False, comment="best so far, 0-1"),
        sa.Column("box", sa.JSON(none_as_null=True), nullable=True, comment="[x1, y1, x2, y2]"),
        sa.Column("tracks", sa.JSON(none_as_null=True), nullable=False, comment="event ids in it, at most 100"),
        sa.Column("zones", sa.JSON(none_as_null=True), nullable=False, comment="zones entered so far"),
        _text("severity", "alert or quiet"),
        sa.Column("verdict", sa.JSON(none_as_null=True), nullable=False, comment="the one that opened it"),
        sa.Column("revision", sa.Integer(), nullable=False, comment="rises with each update"),
        sa.Column(
            "grouped",
            sa.Integer(),
            nullable=False,
            comment="further triggers the rule's rate limit put into this alert",
        ),
        _text("reason", "why it closed: ended, lost, restarted, rule removed …"),
        sa.PrimaryKeyConstraint("id"),
        comment="incidents a user wants to know of",
    )


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
        _text("notification", "notification id"),
        _text("alert", "alert id"),
        _text("channel", "channel name"),
        sa.Column("attempt", sa.Integer(), nullable=False, comment="1 for the first"),
        _time("time", "end of the try"),
        _text("outcome", "sent, dry_run, failed or dead"),
        _text("error", "one line, without any credential"),
        sa.PrimaryKeyConstraint("number"),
        comment="every try to deliver a notification",
    )


def _events() -> None:
    op.create_table(
        "events",
        _text("id", "UUIDv7; of a track event the track's own"),
        sa.Column(
            "site", sa.Text(), server_default="default", nullable=False, comment="tenant; default = the only one"
        ),
        _text("kind", "track, motion or health"),
        _text("camera", "camera id"),
        _time("start", "first seen"),
        sa.Column("end", sa.BigInteger(), nullable=True, comment="last seen; null while it goes on, UTC microseconds"),
        _text("label", "class, empty for plain motion"),
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


def _meta() -> None:
    op.create_table(
        "meta",
        sa.Column(
            "site", sa.Text(), server_default="default", nullable=False, comment="tenant; default = the only one"
        ),
        _text("name", "epoch (the counter raised at each start) …"),
        _text("value", "as text"),
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
        _text("id", "UUIDv7, the same on every retry"),
        sa.Column(
            "site", sa.Text(), server_default="default", nullable=False, comment="tenant; default = the only one"
        ),
        _text("alert", "alert id; empty for a test"),
        _text("channel", "channel name"),
        _text("kind", "open, update, close or test"),
        _text("status", "queued, sent, dry_run, suppressed or dead"),
        _time("created", "wall time it was queued"),
        _time("due", "not tried before"),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="tries so far"),
        _text("error", "why the last try failed, or why it is held back"),
        _text("cooldown", "key of the cooldown it reserves: rule, camera and what the rule adds"),
        _time("happened", "time of the change it tells of; cooldowns are counted on this line"),
        _time("claimed", "a sender works on it until then; 0 = nobody"),
        _text("reference", "what the channel returned for it (message or thread), for later updates"),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("id"),
        comment="the outbox",
    )


def _pictures() -> None:
    op.create_table(
        "pictures",
        _text("id", "UUIDv7"),
        sa.Column(
            "site", sa.Text(), server_default="default", nullable=False, comment="tenant; default = the only one"
        ),
        _text("camera", "camera id"),
        _text("kind", "best, alert, clean …"),
        _text("event", "event id, or empty"),
        _text("alert", "alert id, or empty"),
        _time("time", "of the frame"),
        _text("path", "name below the media root; the bytes are never in the database"),
        sa.Column("width", sa.Integer(), nullable=False, comment="pixels"),
        sa.Column("height", sa.Integer(), nullable=False, comment="pixels"),
        sa.Column("bytes", sa.Integer(), nullable=False, comment="size of the file"),
        _text("sha256", "of the file, hex; empty when not computed"),
        sa.PrimaryKeyConstraint("id"),
        comment="where stills are",
    )


def _rule_state() -> None:
    op.create_table(
        "rule_state",
        sa.Column(
            "site", sa.Text(), server_default="default", nullable=False, comment="tenant; default = the only one"
        ),
        _text("camera", "camera id"),
        _text("rule", "rule name; empty = the camera's scene: known objects and last observation"),
        _time("updated", "observation that changed it"),
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
        _text("camera", "camera id"),
        _text("track", "track id"),
        _text("label", "class"),
        _time("last_seen", "last seen"),
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
        _text("rule", "rule name"),
        _text("camera", "camera id"),
        _text("track", "event id of the object, empty for motion"),
        _text("alert", "alert it opened, updated or closed; empty when nothing fired"),
        _time("time", "observation"),
        sa.Column(
            "fired", sa.Boolean(), nullable=False, comment="at the change that opens, updates or closes an alert"
        ),
        _text("change", "open, update, close or none"),
        _text("label", "class at that time"),
        sa.Column("score", sa.Float(), nullable=False, comment="best so far, 0-1"),
        sa.Column("box", sa.JSON(none_as_null=True), nullable=True, comment="[x1, y1, x2, y2]"),
        sa.Column("zones", sa.JSON(none_as_null=True), nullable=False, comment="zones the object counts as inside"),
        sa.Column("conditions", sa.JSON(none_as_null=True), nullable=False, comment="[name, wanted, got, met] each"),
        sa.PrimaryKeyConstraint("number"),
        comment="rules held against objects, kept at each change of what is met, also when nothing fires",
    )


def _indexes() -> None:
    op.create_index("alerts_by_camera", "alerts", ["site", "camera", "opened"], unique=False)
    op.create_index("alerts_by_time", "alerts", ["site", "opened"], unique=False)
    op.create_index("alerts_open", "alerts", ["site", "state"], unique=False)
    op.create_index("deliveries_by_notification", "deliveries", ["site", "notification"], unique=False)
    op.create_index("deliveries_by_time", "deliveries", ["site", "time"], unique=False)
    op.create_index("events_by_camera", "events", ["site", "camera", "start"], unique=False)
    op.create_index("events_by_time", "events", ["site", "start"], unique=False)
    op.create_index("events_open", "events", ["site", "end", "camera"], unique=False)
    op.create_index("notifications_by_alert", "notifications", ["site", "alert", "channel"], unique=False)
    op.create_index(
        "notifications_cooldown", "notifications", ["site", "cooldown", "channel", "happened"], unique=False
    )
    op.create_index("notifications_due", "notifications", ["site", "status", "channel", "due"], unique=False)
    op.create_index("pictures_by_alert", "pictures", ["site", "alert"], unique=False)
    op.create_index("pictures_by_event", "pictures", ["site", "event"], unique=False)
    op.create_index("pictures_by_time", "pictures", ["site", "camera", "time"], unique=False)
    op.create_index("verdicts_by_alert", "verdicts", ["site", "alert"], unique=False)
    op.create_index("verdicts_by_time", "verdicts", ["site", "camera", "time"], unique=False)
    op.create_index("verdicts_by_track", "verdicts", ["site", "track"], unique=False)


def _text(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, comment=comment)


def _time(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, comment=f"{comment}, UTC microseconds")
