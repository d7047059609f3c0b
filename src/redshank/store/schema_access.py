"""Tables of who may come in, and of what they did. See `schema`."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, Table

from redshank.store.columns import count, json, metadata, number, site, text, time

users = Table(
    "users",
    metadata,
    text("id", "UUIDv7", primary_key=True),
    site(),
    text("name", "of the account"),
    text("role", "admin, operator or viewer"),
    json("rights", "verb: cameras or null for all; null = all of the role", nullable=True),
    text("password", "Argon2id, with its parameters; empty = none"),
    Column("disabled", Boolean, nullable=False, comment="cannot log in"),
    time("created", "when it was made"),
    time("last_seen", "to the minute", nullable=True),
    Index("users_by_name", "site", "name", unique=True),
    comment="people with an account",
)

preferences = Table(
    "preferences",
    metadata,
    site(primary_key=True),
    text("user", "user id", primary_key=True),
    json("value", "saved filters, wall layout, theme"),
    comment="what the pages remember of a user",
)

sessions = Table(
    "sessions",
    metadata,
    text("id", "UUIDv7", primary_key=True),
    site(),
    text("secret", "SHA-256 of what the cookie holds, hex"),
    text("kind", "user or guest"),
    text("owner", "user or guest id"),
    time("created", "log-in"),
    time("seen", "last request, to the minute"),
    text("address", "of the log-in"),
    text("agent", "browser, as it said at the log-in"),
    Index("sessions_by_secret", "secret", unique=True),
    comment="who is logged in",
)

tokens = Table(
    "tokens",
    metadata,
    text("id", "UUIDv7", primary_key=True),
    site(),
    text("name", "for what"),
    text("secret", "SHA-256 of the token, hex"),
    json("verbs", "what may be done, at most what its owner may"),
    json("cameras", "with which cameras; null = all", nullable=True),
    text("owner", "user id"),
    time("created", "when it was made"),
    time("expires", "it ends; null = never", nullable=True),
    time("last_used", "to the minute", nullable=True),
    Index("tokens_by_secret", "secret", unique=True),
    comment="for programs",
)

guests = Table(
    "guests",
    metadata,
    text("id", "UUIDv7", primary_key=True),
    site(),
    text("name", "for whom"),
    text("secret", "SHA-256 of what the link holds, hex"),
    json("verbs", "what may be done"),
    json("cameras", "with which cameras"),
    text("creator", "user id"),
    time("created", "when it was made"),
    time("expires", "it ends"),
    Index("guests_by_secret", "secret", unique=True),
    comment="links that let somebody without an account see chosen cameras for a while",
)

tickets = Table(
    "tickets",
    metadata,
    text("secret", "SHA-256 of what the link holds, hex", primary_key=True),
    site(),
    text("kind", "setup or login"),
    text("user", "whom it logs in; empty for setup"),
    time("expires", "it ends"),
    comment="links that let somebody in once",
)

attempts = Table(
    "attempts",
    metadata,
    site(primary_key=True),
    text("key", "address, name or both, hashed where it holds a name", primary_key=True),
    time("free", "the bucket is empty by then"),
    Column("failures", Integer, nullable=False, comment="in a row"),
    time("updated", "last try"),
    comment="buckets of the limiter of log-ins, and addresses that are known",
)

audit = Table(
    "audit",
    metadata,
    number(),
    site(),
    time("time", "when, of several alike the first"),
    text("kind", "user, guest, token or nobody"),
    text("asker", "id of the user, guest or token"),
    text("who", "name at that time"),
    text("what", "log-in, look, export, delete, change, refusal …"),
    text("camera", "camera id, or empty"),
    text("detail", "what exactly, without any credential"),
    text("address", "where it was asked from"),
    text("hash", "SHA-256 of the row before and this one, hex; without count"),
    count("count", "so many alike within a minute"),
    Index("audit_by_time", "site", "time"),
    comment="who looked, exported, deleted, changed; rows are added, never changed but for their count",
)
