"""Which implementation stands behind a word of the configuration: bus and channels, chosen by URL scheme and type.

Each is imported only when it is chosen: a home without Kafka never loads its client.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from redshank.alert.base import Channel
from redshank.bus.base import Bus
from redshank.clock import Clock
from redshank.config import channel as section
from redshank.config import schema
from redshank.config.secret import Secret
from redshank.errors import SourceMissing
from redshank.targets import Targets

if TYPE_CHECKING:
    from redshank.alert.post import Resolve


def open_bus(settings: schema.Bus, folder: Path, clock: Clock, targets: Targets) -> Bus:
    """`memory:` or `kafka://…`; the latter keeps its outbox in the data folder. Raises TargetRefused for a forbidden broker."""
    if settings.url == "memory:":
        from redshank.bus.memory import MemoryBus

        return MemoryBus()
    from redshank.bus.kafka import KafkaBus
    from redshank.bus.kafka_settings import KafkaSettings

    kafka = KafkaSettings.of(
        settings.url,
        security=settings.security,
        mechanism=settings.mechanism,
        user=settings.user,
        password=_secret(settings.password),
        ca_file=settings.ca_file,
        create_topics=settings.create_topics,
        partitions=settings.partitions,
        replication=settings.replication,
        outbox_bytes=settings.outbox_mb * 1_000_000,
    )
    for server in kafka.servers:
        host, _, port = server.rpartition(":")
        # A name that does not resolve now may do so later, like a broker that is away.
        with contextlib.suppress(SourceMissing):
            targets.check(host.strip("[]"), int(port))
    return KafkaBus(kafka, folder / "bus-outbox.db", clock)


def open_channel(name: str, settings: section.Channel, resolve: Resolve, clock: Clock) -> Channel:
    """Raises ChannelRefused when its settings can never work (a receiver that is no address, a key that is none)."""
    match settings:
        case section.Console():
            from redshank.alert.console import ConsoleChannel, ConsoleSettings

            return ConsoleChannel(ConsoleSettings(name), sys.stdout)
        case section.Folder():
            from redshank.alert.folder import FolderChannel, FolderSettings

            return FolderChannel(FolderSettings(name, settings.path.expanduser()))
        case section.Email():
            return _email(name, settings, resolve)
        case section.Slack():
            from redshank.alert.slack import SlackChannel, SlackSettings

            slack = SlackSettings(name, _secret(settings.token), settings.channel, settings.api_url, settings.timeout)
            return SlackChannel(slack, resolve)
        case section.Webhook():
            from redshank.alert.webhook import WebhookChannel, WebhookSettings

            hook = WebhookSettings(
                name,
                settings.url,
                secrets=(_secret(settings.secret),) if settings.secret else (),
                picture=settings.picture,
                verify=settings.tls_verify,
                timeout_s=settings.timeout,
            )
            return WebhookChannel(hook, resolve, clock)


def _email(name: str, settings: section.Email, resolve: Resolve) -> Channel:
    from redshank.alert.email import EmailChannel, EmailSettings

    mail = EmailSettings(
        name,
        settings.host,
        settings.sender,
        settings.to,
        security=settings.security,
        port=settings.port or 0,
        username=settings.user,
        password=_secret(settings.password),
        verify=settings.tls_verify,
        timeout_s=settings.timeout,
    )
    return EmailChannel(mail, resolve)


def _secret(value: Secret | None) -> str:
    return value.reveal() if value else ""
