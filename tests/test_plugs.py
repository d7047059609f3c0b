"""A word of the configuration gives the implementation it names, with everything the user wrote in it."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from redshank import plugs
from redshank.alert.console import ConsoleChannel
from redshank.alert.email import EmailChannel
from redshank.alert.folder import FolderChannel
from redshank.alert.slack import SlackChannel
from redshank.alert.webhook import WebhookChannel
from redshank.bus.kafka import KafkaBus
from redshank.bus.memory import MemoryBus
from redshank.config import channel as section
from redshank.config import schema
from redshank.config.secret import Secret
from redshank.errors import ChannelRefused, TargetRefused
from redshank.targets import Targets
from tests.harness.clocks import FakeClock

SECRET = Secret("whsec_" + base64.b64encode(bytes(32)).decode())


def local(host: str, port: int) -> str:
    return "127.0.0.1"


SECTIONS = [
    (section.Console(type="console"), ConsoleChannel),
    (section.Folder(type="folder", path=Path("/nowhere")), FolderChannel),
    (section.Email(type="email", host="mail.example", sender="a@example.org", to=("b@example.org",)), EmailChannel),
    (section.Slack(type="slack", token=Secret("xoxb-1"), channel="C1"), SlackChannel),
    (section.Webhook(type="webhook", url="https://hooks.example/x", secret=SECRET), WebhookChannel),
]


@pytest.mark.parametrize(("settings", "expected"), SECTIONS)
async def test_every_type_of_channel_opens_under_its_own_name(
    settings: section.Channel, expected: type, clock: FakeClock
) -> None:
    channel = plugs.open_channel("front", settings, local, clock)
    assert isinstance(channel, expected)
    assert channel.name == "front"
    await channel.close()


def test_every_type_of_the_configuration_is_among_them() -> None:
    assert {type(settings) for settings, _ in SECTIONS} == set(section.CHANNELS.values())


def test_settings_that_can_never_work_are_refused_without_the_secret(clock: FakeClock) -> None:
    settings = section.Webhook(type="webhook", url="https://hooks.example/x", secret=Secret("whsec_canary"))
    with pytest.raises(ChannelRefused) as refused:
        plugs.open_channel("hook", settings, local, clock)
    assert "canary" not in str(refused.value)


def test_the_bus_is_chosen_by_its_url(tmp_path: Path, clock: FakeClock) -> None:
    targets = Targets(("127.0.0.1:9",))
    assert isinstance(plugs.open_bus(schema.Bus(), tmp_path, clock, targets), MemoryBus)
    kafka = plugs.open_bus(schema.Bus(url="kafka://127.0.0.1:9/?prefix=x"), tmp_path, clock, targets)
    assert isinstance(kafka, KafkaBus)


@pytest.mark.parametrize("broker", ["127.0.0.1:9092", "169.254.169.254:9092"])
def test_a_broker_at_a_forbidden_address_is_refused(broker: str, tmp_path: Path, clock: FakeClock) -> None:
    with pytest.raises(TargetRefused):
        plugs.open_bus(schema.Bus(url=f"kafka://{broker}"), tmp_path, clock, Targets())


def test_a_home_without_kafka_slack_or_mail_never_loads_their_clients() -> None:
    code = (
        "import sys, redshank.plugs as p, redshank.config.schema as s, pathlib\n"
        "p.open_bus(s.Bus(), pathlib.Path('.'), None, None)\n"
        "sys.exit(' '.join({'aiokafka', 'aiosmtplib', 'httpx'} & set(sys.modules)) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
