"""What a Kafka bus needs to know, and what every client of it is opened with."""

from __future__ import annotations

import logging
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from redshank.bus.base import Topic
from redshank.errors import ConfigError

log = logging.getLogger(__name__)
DEAD_LETTERS = "dead-letters"
_SERVER = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):(\d{1,5})")
_SECURITY = ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """`servers`: host:port of some brokers."""

    servers: tuple[str, ...]
    prefix: str = "redshank"
    security: str = "plaintext"
    mechanism: str = "PLAIN"
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    create_topics: bool = True
    partitions: int = 4
    replication: int = 1
    outbox_bytes: int = 200_000_000
    send_timeout_s: float = 15.0
    """No acknowledgement for so long: the connection is given up and made anew."""

    @classmethod
    def of(cls, url: str, **more: Any) -> KafkaSettings:
        """`kafka://host:port,host2:port/?prefix=redshank&security=sasl_ssl` and the other fields. Raises ConfigError."""
        scheme, mark, rest = url.partition("://")
        if scheme != "kafka" or not mark or "@" in rest:
            raise ConfigError("bus.url: expected kafka://host:port/?prefix=redshank, without a login in it")
        hosts, _, query = rest.partition("?")
        servers = tuple(
            server if ":" in server else f"{server}:9092" for server in hosts.rstrip("/").split(",") if server
        )
        if not servers or not all((m := _SERVER.fullmatch(s)) and 0 < int(m[2]) < 65536 for s in servers):
            raise ConfigError("bus.url: expected host:port of one or more brokers, separated by commas")
        options = {key: values[-1] for key, values in parse_qs(query).items()}
        if unknown := set(options) - {"prefix", "security"}:
            raise ConfigError(f"bus.url: unknown option {sorted(unknown)[0]!r}: expected prefix or security")
        settings = cls(servers, **(more | options))
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", settings.prefix):
            raise ConfigError("bus.url: prefix: expected 1 to 100 letters, digits, dots, _ and -")
        if settings.security not in _SECURITY:
            raise ConfigError(f"bus.url: security: expected one of {', '.join(_SECURITY)}")
        return settings

    def topic(self, name: str) -> str:
        return f"{self.prefix}.{name}"

    def connection(self) -> dict[str, Any]:
        """Arguments every aiokafka client takes. Raises ConfigError for a certificate file that cannot be used."""
        arguments: dict[str, Any] = {
            "bootstrap_servers": list(self.servers),
            "security_protocol": self.security.upper(),
        }
        if "ssl" in self.security.split("_"):
            try:
                arguments["ssl_context"] = ssl.create_default_context(cafile=self.ca_file)
            except (OSError, ssl.SSLError) as error:
                raise ConfigError(f"bus.ca_file: {self.ca_file} cannot be used: {error}") from None
        if self.security.startswith("sasl"):
            arguments |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return arguments


async def create_missing_topics(settings: KafkaSettings) -> None:
    """Once per connection. A broker that does not let us is told in the log: the topics may be made by its owner."""
    admin = AIOKafkaAdminClient(**settings.connection())
    try:
        await admin.start()
        there = set(await admin.list_topics())
        wanted = [settings.topic(name) for name in (*Topic, DEAD_LETTERS)]
        missing = [NewTopic(name, settings.partitions, settings.replication) for name in wanted if name not in there]
        if missing:
            await admin.create_topics(missing)
            log.info("topics created", extra={"topics": [topic.name for topic in missing]})
    except TopicAlreadyExistsError:
        pass  # another process was quicker
    except KafkaError as error:
        if error.retriable:
            raise
        log.warning("topics not created", extra={"reason": repr(error)})
    finally:
        await admin.close()
