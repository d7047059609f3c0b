"""Certificates of our own: what a device that trusts the authority accepts, and when a new one is made."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from redshank.certificates import Names, context, fingerprint, local_names, own
from redshank.clock import US_PER_S
from redshank.errors import ConfigError

NOW = 1_790_000_000 * US_PER_S
DAY = 86_400 * US_PER_S
NAMES = Names(
    ("localhost", "box", "box.local"), (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("192.168.1.7"))
)


def chain(folder: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates((folder / "server.pem").read_bytes())


def test_the_servers_certificate_is_signed_for_every_name_by_an_authority_for_local_networks_only(
    tmp_path: Path,
) -> None:
    """rel:S20"""
    own(tmp_path, NAMES, NOW)
    server, authority = chain(tmp_path)
    server.verify_directly_issued_by(authority)
    said = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert said.get_values_for_type(x509.DNSName) == list(NAMES.hosts)
    assert said.get_values_for_type(x509.IPAddress) == list(NAMES.addresses)
    limits = authority.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    assert "com" not in [one.value for one in limits.value.permitted_subtrees or () if isinstance(one, x509.DNSName)]
    assert fingerprint(tmp_path).count(":") == 31


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    """rel:S20"""
    own(tmp_path / "tls", NAMES, NOW)
    assert (tmp_path / "tls").stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in sorted((tmp_path / "tls").glob("*.key"))] == [0o600, 0o600]


def test_tls_older_than_1_2_is_not_spoken(tmp_path: Path) -> None:
    """rel:S20"""
    assert own(tmp_path, NAMES, NOW).minimum_version == ssl.TLSVersion.TLSv1_2


def test_nothing_is_made_anew_while_it_is_good(tmp_path: Path) -> None:
    own(tmp_path, NAMES, NOW)
    before = chain(tmp_path)
    own(tmp_path, NAMES, NOW + 100 * DAY)
    assert chain(tmp_path) == before


@pytest.mark.parametrize(
    ("names", "later"),
    [
        (NAMES, 340 * DAY),
        (Names(NAMES.hosts, (*NAMES.addresses, ipaddress.ip_address("192.168.1.9"))), DAY),
        (Names((*NAMES.hosts, "other.local"), NAMES.addresses), DAY),
    ],
)
def test_a_new_server_certificate_is_made_in_time_and_for_new_names_by_the_same_authority(
    tmp_path: Path, names: Names, later: int
) -> None:
    own(tmp_path, NAMES, NOW)
    before = chain(tmp_path)
    own(tmp_path, names, NOW + later)
    after = chain(tmp_path)
    assert after[0] != before[0]
    assert after[1] == before[1]


def test_a_clock_set_back_replaces_nothing_that_devices_trust(tmp_path: Path) -> None:
    """A machine without a clock of its own begins in 1970."""
    own(tmp_path, NAMES, NOW)
    before = chain(tmp_path)
    own(tmp_path, NAMES, 10**9)
    assert chain(tmp_path) == before
    more = Names((*NAMES.hosts, "other.local"), NAMES.addresses)
    own(tmp_path, more, 10**9)
    server, authority = chain(tmp_path)
    assert authority == before[1]
    assert server.not_valid_before_utc == authority.not_valid_before_utc, "good for whoever has the right time"
    own(tmp_path, more, NOW + 100 * DAY)
    assert chain(tmp_path) == [server, authority]


def test_an_authority_ends_when_it_has_ended_and_what_was_made_too_early_is_made_anew(tmp_path: Path) -> None:
    own(tmp_path, NAMES, 10**9)
    first = chain(tmp_path)
    own(tmp_path, NAMES, NOW)
    server, authority = chain(tmp_path)
    assert authority != first[1]
    own(tmp_path, NAMES, NOW + 3600 * DAY)
    assert chain(tmp_path)[1] == authority
    own(tmp_path, NAMES, NOW + 30 * DAY)
    assert chain(tmp_path)[0].not_valid_before_utc < server.not_valid_after_utc, "one from the future helps nobody"
    own(tmp_path, NAMES, NOW + 3651 * DAY)
    assert chain(tmp_path)[1] != authority


@pytest.mark.parametrize("lost", ["authority.key", "authority.pem", "server.key", "server.pem"])
@pytest.mark.parametrize("how", ["gone", "torn", "another"])
def test_a_pair_that_does_not_match_is_made_anew(tmp_path: Path, lost: str, how: str) -> None:
    """As a crash between two writes leaves it."""
    own(tmp_path, NAMES, NOW)
    if how == "gone":
        (tmp_path / lost).unlink()
    elif how == "torn":
        (tmp_path / lost).write_bytes((tmp_path / lost).read_bytes()[:40])
    else:
        own(tmp_path / "other", NAMES, NOW)
        (tmp_path / lost).write_bytes((tmp_path / "other" / lost).read_bytes())
    own(tmp_path, NAMES, NOW + DAY)
    server, authority = chain(tmp_path)
    server.verify_directly_issued_by(authority)
    assert x509.load_pem_x509_certificate((tmp_path / "authority.pem").read_bytes()) == authority


def test_a_users_own_pair_that_does_not_fit_is_one_clear_error(tmp_path: Path) -> None:
    own(tmp_path / "a", NAMES, NOW)
    own(tmp_path / "b", NAMES, NOW)
    with pytest.raises(ConfigError, match=r"web\.tls: .*server\.pem with .*server\.key cannot be used"):
        context(tmp_path / "a" / "server.pem", tmp_path / "b" / "server.key")
    with pytest.raises(ConfigError, match="No such file"):
        context(tmp_path / "none.pem", tmp_path / "none.key")


def test_this_machines_names_are_local_ones() -> None:
    names = local_names()
    assert "localhost" in names.hosts
    assert ipaddress.ip_address("127.0.0.1") in names.addresses
    assert all(address.is_private or address.is_loopback or address.is_link_local for address in names.addresses)
