"""The web application: who may come in, what they did, and what its pages remember."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _attempts()
    _audit()
    _guests()
    _preferences()
    _sessions()
    _tickets()
    _tokens()
    _users()
    _reviews()
    _seen_items()
    _exports()
    _indexes()
    _searches()


def _attempts() -> None:
    op.create_table(
        "attempts",
        _site(),
        _text("key", "address, name or both, hashed where it holds a name"),
        _time("free", "the bucket is empty by then"),
        sa.Column("failures", sa.Integer(), nullable=False, comment="in a row"),
        _time("updated", "last try"),
        sa.PrimaryKeyConstraint("site", "key"),
        comment="buckets of the limiter of log-ins, and addresses that are known",
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column(
            "number",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
            comment="rises with each row",
        ),
        _site(),
        _time("time", "when, of several alike the first"),
        _text("kind", "user, guest, token or nobody"),
        _text("asker", "id of the user, guest or token"),
        _text("who", "name at that time"),
        _text("what", "log-in, look, export, delete, change, refusal …"),
        _text("camera", "camera id, or empty"),
        _text("detail", "what exactly, without any credential"),
        _text("address", "where it was asked from"),
        _text("hash", "SHA-256 of the row before and this one, hex; without count"),
        sa.Column("count", sa.BigInteger(), nullable=False, comment="so many alike within a minute"),
        sa.PrimaryKeyConstraint("number"),
        comment="who looked, exported, deleted, changed; rows are added, never changed but for their count",
    )


def _guests() -> None:
    op.create_table(
        "guests",
        _text("id", "UUIDv7"),
        _site(),
        _text("name", "for whom"),
        _text("secret", "SHA-256 of what the link holds, hex"),
        _json("verbs", "what may be done"),
        _json("cameras", "with which cameras"),
        _text("creator", "user id"),
        _time("created", "when it was made"),
        _time("expires", "it ends"),
        sa.PrimaryKeyConstraint("id"),
        comment="links that let somebody without an account see chosen cameras for a while",
    )


def _preferences() -> None:
    op.create_table(
        "preferences",
        _site(),
        _text("user", "user id"),
        _json("value", "saved filters, wall layout, theme"),
        sa.PrimaryKeyConstraint("site", "user"),
        comment="what the pages remember of a user",
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        _text("id", "UUIDv7"),
        _site(),
        _text("secret", "SHA-256 of what the cookie holds, hex"),
        _text("kind", "user or guest"),
        _text("owner", "user or guest id"),
        _time("created", "log-in"),
        _time("seen", "last request, to the minute"),
        _text("address", "of the log-in"),
        _text("agent", "browser, as it said at the log-in"),
        sa.PrimaryKeyConstraint("id"),
        comment="who is logged in",
    )


def _tickets() -> None:
    op.create_table(
        "tickets",
        _text("secret", "SHA-256 of what the link holds, hex"),
        _site(),
        _text("kind", "setup or login"),
        _text("user", "whom it logs in; empty for setup"),
        _time("expires", "it ends"),
        sa.PrimaryKeyConstraint("secret"),
        comment="links that let somebody in once",
    )


def _tokens() -> None:
    op.create_table(
        "tokens",
        _text("id", "UUIDv7"),
        _site(),
        _text("name", "for what"),
        _text("secret", "SHA-256 of the token, hex"),
        _json("verbs", "what may be done, at most what its owner may"),
        _json("cameras", "with which cameras; null = all", nullable=True),
        _text("owner", "user id"),
        _time("created", "when it was made"),
        _time("expires", "it ends; null = never", nullable=True),
        _time("last_used", "to the minute", nullable=True),
        sa.PrimaryKeyConstraint("id"),
        comment="for programs",
    )


def _users() -> None:
    op.create_table(
        "users",
        _text("id", "UUIDv7"),
        _site(),
        _text("name", "of the account"),
        _text("role", "admin, operator or viewer"),
        _json("rights", "verb: cameras or null for all; null = all of the role", nullable=True),
        _text("password", "Argon2id, with its parameters; empty = none"),
        sa.Column("disabled", sa.Boolean(), nullable=False, comment="cannot log in"),
        _time("created", "when it was made"),
        _time("last_seen", "to the minute", nullable=True),
        sa.PrimaryKeyConstraint("id"),
        comment="people with an account",
    )


def _reviews() -> None:
    op.create_table(
        "reviews",
        _site(),
        _text("kind", "alert, event, or miss: something that nothing was said of"),
        _text("item", "id of the alert or event; of a miss its own, UUIDv7"),
        _text("camera", "camera id"),
        _time("time", "when it happened"),
        _text("label", "what it was, of a miss"),
        _text("mark", "right, wrong, missed, or empty"),
        _text("note", "in the reviewer's words"),
        _json("boxes", "[{time, label, box}] as they should have been"),
        _text("who", "name of the last reviewer"),
        _time("updated", "last change"),
        sa.PrimaryKeyConstraint("site", "kind", "item"),
        comment="what the site's people say about an item",
    )
    op.create_index("reviews_by_mark", "reviews", ["site", "mark", "kind", "time", "camera"], unique=False)


def _seen_items() -> None:
    op.create_table(
        "seen_items",
        _site(),
        _text("user", "user id"),
        _text("kind", "alert or event"),
        _text("item", "id of the alert or event"),
        _time("time", "when they looked it over"),
        sa.PrimaryKeyConstraint("site", "user", "kind", "item"),
        comment="what each user has reviewed",
    )


def _exports() -> None:
    op.create_table(
        "exports",
        _text("id", "UUIDv7"),
        _site(),
        _text("owner", "id of the user or token that asked for it"),
        _text("name", "of the owner, for people"),
        _text("kind", "clip, evidence or timelapse"),
        _json("cameras", "camera ids"),
        _time("start", "of the range"),
        _time("end", "of the range"),
        _text("status", "queued, running, done, failed"),
        _text("error", "why it failed, or what is missing in it"),
        _text("file", "its name in the folder of exports; empty until it is there"),
        sa.Column("bytes", sa.BigInteger(), nullable=False, comment="size of the file"),
        sa.Column("done", sa.Float(), nullable=False, comment="share that is made, 0-1"),
        _time("created", "when it was asked for"),
        _time("updated", "last change"),
        sa.PrimaryKeyConstraint("id"),
        comment="footage people had put into files",
    )
    op.create_index("exports_by_time", "exports", ["site", "created"], unique=False)


def _searches() -> None:
    """What a list can be filtered by goes into the index it is read in; which alert an event led to, into its row."""
    alert = sa.Column(
        "alert", sa.Text(), server_default="", nullable=False, comment="the first alert it led to, or empty"
    )
    op.add_column("events", alert)
    op.execute(  # `+`: else SQLite goes through verdicts_by_alert for the least, once for each event
        "UPDATE events SET alert = coalesce((SELECT min(+v.alert) FROM verdicts v"
        " WHERE v.site = events.site AND v.track = events.id AND v.alert <> ''), '') WHERE kind = 'track'"
    )
    op.drop_index("events_by_time", "events")
    op.create_index(
        "events_by_time", "events", ["site", "start", "id", "kind", "camera", "label", "alert", "zones"], unique=False
    )
    op.drop_index("alerts_by_time", "alerts")
    facets = ["camera", "label", "rule", "severity", "state", "zones"]
    op.create_index("alerts_by_time", "alerts", ["site", "opened", "id", *facets], unique=False)
    op.create_index("alerts_counts", "alerts", ["site", *facets, "opened"], unique=False)


def _indexes() -> None:
    op.create_index("audit_by_time", "audit", ["site", "time"], unique=False)
    op.create_index("sessions_by_secret", "sessions", ["secret"], unique=True)
    op.create_index("tokens_by_secret", "tokens", ["secret"], unique=True)
    op.create_index("guests_by_secret", "guests", ["secret"], unique=True)
    op.create_index("users_by_name", "users", ["site", "name"], unique=True)


def _site() -> sa.Column[str]:
    return sa.Column(
        "site", sa.Text(), server_default="default", nullable=False, comment="tenant; default = the only one"
    )


def _text(name: str, comment: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, comment=comment)


def _time(name: str, comment: str, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable, comment=f"{comment}, UTC microseconds")


def _json(name: str, comment: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(), nullable=nullable, comment=comment)
