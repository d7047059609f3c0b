"""One POST: whatever is wrong with an address or an answer is an error of ours."""

from __future__ import annotations

from contextlib import aclosing

import httpx
import pytest

from redshank.alert.post import Answer, open_client, post, tls_context, web_url
from redshank.errors import ChannelError, ChannelRefused
from tests.alert.servers import free_port, local


@pytest.mark.parametrize(
    "text",
    ["", "x", "ftp://h/", "http://", "http://xn--zz--/", "http://xn--/", "http://h:99999/", "http://h:0/", "http://h:-1/",
     "http://[::1/", "http://h/\x00", "http://h/\ud800", f"https://{'é' * 70}.example/"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ChannelRefused, match=r"^channels\.hook\.url: ") as caught:
        web_url(f"{text}?CANARY", "channels.hook.url")
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["http://h", "https://müller.example:8443/x?y", "http://[::1]:1/", "http://xn--9ca.de/"]
)
def test_what_is_one_passes(text: str) -> None:
    assert web_url(text, "url").host


@pytest.mark.parametrize(
    ("port", "headers", "words"),
    [(99999, {}, "port must be 0-65535"), (0, {"x": "\u2603"}, "can't encode character")],
)
async def test_what_cannot_be_sent_costs_one_try(port: int, headers: dict[str, str], words: str) -> None:
    """A bug elsewhere (an address nobody checked, a name in a header) must not end the channel."""
    async with aclosing(open_client(tls_context())) as client:
        url = httpx.URL(f"http://hooks.example:{port or free_port()}/")
        with pytest.raises(ChannelError, match=words) as caught:
            await post(client, url, b"", headers, local, 5)
    assert not isinstance(caught.value, ChannelRefused)


def test_a_patience_beyond_all_numbers_is_none() -> None:
    later = {"retry-after": "Sat, 21 Nov 2026 07:00:30 +99999999999999999999", "date": "Sat, 21 Nov 2026 07:00:00 GMT"}
    assert Answer(503, later, b"").retry_after_s is None
