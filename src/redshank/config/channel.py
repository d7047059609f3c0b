"""`channels`: where notifications go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from redshank.config.fields import Seconds, Section, WebUrl, Words
from redshank.config.secret import Secret

Port = Annotated[int, Field(ge=1, le=65535)]


class Console(Section):
    type: Literal["console"]
    """A line on standard output."""
    enabled: bool = True
    """Switch the channel off without deleting it."""
    dry_run: bool = False
    """Do everything but send; the log says what would have been sent."""


class Folder(Section):
    type: Literal["folder"]
    """A line of JSON per message in `alerts.jsonl`, and the picture beside it."""
    path: Path
    """The folder; made when it is missing."""
    enabled: bool = True
    """Switch the channel off without deleting it."""
    dry_run: bool = False
    """Do everything but send; the log says what would have been sent."""


class Email(Section):
    type: Literal["email"]
    """Mail with the picture, by SMTP."""
    host: str = Field(min_length=1)
    """The mail server."""
    port: Port | None = None
    """Default: 465 for `security: tls`, 587 for `starttls`, 25 for `none`."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """`tls`: encrypted from the first byte; `starttls`: encrypted before the login; `none`: only for a server on this machine."""
    tls_verify: bool = True
    """Check the server's certificate."""
    user: str = ""
    """Login for the mail server; empty: none."""
    password: Secret | None = None
    """See secrets."""
    sender: str = Field(min_length=3)
    """The From address."""
    to: Words = Field(min_length=1)
    """One receiver or several."""
    timeout: Seconds = 10.0
    """For one attempt."""
    enabled: bool = True
    """Switch the channel off without deleting it."""
    dry_run: bool = False
    """Do everything but send; the log says what would have been sent."""


class Slack(Section):
    type: Literal["slack"]
    """A message with the picture in a Slack channel."""
    token: Secret
    """A bot token (`xoxb-…`) with `chat:write` and `files:write`."""
    channel: str = Field(min_length=1)
    """The channel's id, such as C0123456789."""
    api_url: WebUrl = "https://slack.com/api"
    """Another address of the Slack API, for a proxy or a test."""
    timeout: Seconds = 10.0
    """For one attempt."""
    enabled: bool = True
    """Switch the channel off without deleting it."""
    dry_run: bool = False
    """Do everything but send; the log says what would have been sent."""


class Webhook(Section):
    type: Literal["webhook"]
    """An HTTP POST as in Standard Webhooks."""
    url: WebUrl
    """Where to send it."""
    secret: Secret | None = None
    """Signing key (`whsec_…`), see Standard Webhooks. Without it messages are not signed."""
    tls_verify: bool = True
    """Check the server's certificate."""
    picture: bool = False
    """Send the picture inside the JSON; without it the receiver opens the link."""
    timeout: Seconds = 10.0
    """For one attempt."""
    enabled: bool = True
    """Switch the channel off without deleting it."""
    dry_run: bool = False
    """Do everything but send; the log says what would have been sent."""


Channel = Console | Folder | Email | Slack | Webhook
CHANNELS: dict[str, type[Console] | type[Folder] | type[Email] | type[Slack] | type[Webhook]] = {
    "console": Console,
    "folder": Folder,
    "email": Email,
    "slack": Slack,
    "webhook": Webhook,
}
