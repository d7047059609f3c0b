"""The page and the API: where they listen, how they are reached, and RTSP for other programs."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from redshank.config.fields import File, Section

NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


class Web(Section):
    enabled: bool = True
    """Serve the page and the API."""
    host: Literal["127.0.0.1", "::1"] = "127.0.0.1"
    """Where it listens while `lan` is off: only this machine."""
    port: int = Field(default=8970, ge=1, le=65535)
    """Of the page and the API."""
    lan: bool = False
    """Serve HTTPS on every address of this machine (as `redshank run --lan`); plain HTTP only leads there."""
    certificate: File | None = None
    """Your own certificate with its chain (PEM), for `lan`; default: one of an authority made here that devices can trust."""
    key: File | None = None
    """The key of `certificate`."""
    names: tuple[str, ...] = ()
    """Further names people reach it by (`cctv.example.org`); that of `public_url` and this machine's own are known."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks of reverse proxies (`127.0.0.1`, `172.18.0.0/16`) whose X-Forwarded-For and X-Forwarded-Proto are believed."""

    @field_validator("names")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not NAME.fullmatch(name):
                raise ValueError(f"expected host names such as cctv.example.org, not {name[:60]!r}")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                raise ValueError(f"expected networks such as 172.18.0.0/16, not {network[:60]!r}") from None
        return value

    @model_validator(mode="after")
    def _pair(self) -> Web:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key: expected both or neither")
        return self


class Rtsp(Section):
    enabled: bool = True
    """Offer the cameras by RTSP to other programs, who log in; closed until there is an administrator."""
    port: int = Field(default=8654, ge=1, le=65535)
    """`rtsp://…:8654/<camera>` and `/<camera>_sub`."""
