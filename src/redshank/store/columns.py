"""What the columns of the tables are made of. See `schema`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Integer, MetaData, Text

from redshank.model import SITE

metadata = MetaData()


def site(primary_key: bool = False) -> Column[str]:
    return Column(
        "site",
        Text,
        primary_key=primary_key,
        nullable=False,
        server_default=SITE,
        comment="tenant; default = the only one",
    )


def text(name: str, comment: str, **kind: Any) -> Column[str]:
    return Column(name, Text, nullable=False, comment=comment, **kind)


def time(name: str, comment: str, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable, comment=f"{comment}, UTC microseconds")


def json(name: str, comment: str, nullable: bool = False) -> Column[Any]:
    return Column(name, JSON(none_as_null=True), nullable=nullable, comment=comment)


def count(name: str, comment: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, comment=comment)


def number() -> Column[int]:
    key = BigInteger().with_variant(Integer, "sqlite")
    return Column("number", key, primary_key=True, autoincrement=True, comment="rises with each row")
