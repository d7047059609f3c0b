"""Tables of what people think of alerts and events, and of what they had made for them. See `schema`."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Table

from redshank.store.columns import count, json, metadata, site, text, time

reviews = Table(
    "reviews",
    metadata,
    site(primary_key=True),
    text("kind", "alert, event, or miss: something that nothing was said of", primary_key=True),
    text("item", "id of the alert or event; of a miss its own, UUIDv7", primary_key=True),
    text("camera", "camera id"),
    time("time", "when it happened"),
    text("label", "what it was, of a miss"),
    text("mark", "right, wrong, missed, or empty"),
    text("note", "in the reviewer's words"),
    json("boxes", "[{time, label, box}] as they should have been"),
    text("who", "name of the last reviewer"),
    time("updated", "last change"),
    Index("reviews_by_mark", "site", "mark", "kind", "time", "camera"),
    comment="what the site's people say about an item",
)

seen_items = Table(
    "seen_items",
    metadata,
    site(primary_key=True),
    text("user", "user id", primary_key=True),
    text("kind", "alert or event", primary_key=True),
    text("item", "id of the alert or event", primary_key=True),
    time("time", "when they looked it over"),
    comment="what each user has reviewed",
)

exports = Table(
    "exports",
    metadata,
    text("id", "UUIDv7", primary_key=True),
    site(),
    text("owner", "id of the user or token that asked for it"),
    text("name", "of the owner, for people"),
    text("kind", "clip, evidence or timelapse"),
    json("cameras", "camera ids"),
    time("start", "of the range"),
    time("end", "of the range"),
    text("status", "queued, running, done, failed"),
    text("error", "why it failed, or what is missing in it"),
    text("file", "its name in the folder of exports; empty until it is there"),
    count("bytes", "size of the file"),
    Column("done", Float, nullable=False, comment="share that is made, 0-1"),
    time("created", "when it was asked for"),
    time("updated", "last change"),
    Index("exports_by_time", "site", "created"),
    comment="footage people had put into files",
)
