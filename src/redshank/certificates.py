"""HTTPS on the local network: a certificate authority of this installation's own, and the server's certificate signed by it.

    <data>/keys/tls/authority.pem   offered for download; a device that trusts it shows no warning
    <data>/keys/tls/authority.key   0600; may only sign names and addresses of local networks (name constraints, RFC 5280 §4.2.1.10),
                               so that whoever stole it could not pretend to be anything on the internet
    <data>/keys/tls/server.{pem,key}  made anew when addresses change and in good time before it ends

Blocks (files, key generation); called in a thread. A crash between two files leaves a pair that does not match: it is made anew.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import ifaddr
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from redshank.clock import US_PER_S
from redshank.errors import ConfigError

AUTHORITY_DAYS = 3650
SERVER_DAYS = 390
"""Apple's devices take no longer ones."""
RENEW_DAYS = 60
EARLY = timedelta(days=1)
"""A device's clock may be behind ours."""
LOCAL_NAMES = ("localhost", "local", "lan", "home", "internal", "home.arpa")
LOCAL_NETWORKS = (
    "127.0.0.0/8",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "169.254.0.0/16",
    "100.64.0.0/10",
    "::1/128",
    "fc00::/7",
    "fe80::/10",
)

Key = ec.EllipticCurvePrivateKey
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Names:
    """What the server is reached by."""

    hosts: tuple[str, ...]
    addresses: tuple[Address, ...]


def local_names() -> Names:
    """This machine's name, with `.local` too (mDNS, RFC 6762), and its addresses on local networks."""
    host = socket.gethostname().lower().partition(".")[0]
    hosts = ["localhost", *([host, f"{host}.local"] if host != "localhost" else [])]
    found = [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            found.append(ipaddress.ip_address(ip.ip if isinstance(ip.ip, str) else ip.ip[0]))
    return Names(tuple(hosts), tuple(dict.fromkeys(one for one in found if _local(one))))


def _local(address: Address) -> bool:
    return any(address in ipaddress.ip_network(network) for network in LOCAL_NETWORKS)


def own(folder: Path, names: Names, now: int) -> ssl.SSLContext:
    """The context of a server with a certificate of our own authority, both made when they are missing. now: µs. Raises ConfigError."""
    moment = datetime.fromtimestamp(now / US_PER_S, UTC)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        authority = _read(folder / "authority")
        if authority is None or moment >= authority[0].not_valid_after_utc:
            authority = _authority(moment, names)
            _write(folder / "authority", *authority)
        server = _read(folder / "server")
        # A clock from before the authority was made is wrong (a machine without one of its own begins in 1970): devices trust what is
        # there, it only cannot be judged.
        right = moment >= authority[0].not_valid_before_utc
        if server is None or not _covers(server[0], authority[0], names) or (right and not _lasts(server[0], moment)):
            made = _server(authority, names, max(moment, authority[0].not_valid_before_utc + EARLY))
            _write(folder / "server", *made, chain=authority[0])
    except OSError as error:
        raise ConfigError(f"web.lan: the certificate cannot be kept in {folder}: {error.strerror}") from error
    return context(folder / "server.pem", folder / "server.key")


def context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 and newer, of PEM files: the chain and its key. Raises ConfigError."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    try:
        made.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        why = error.strerror or "they do not belong together"
        raise ConfigError(f"web.tls: {certificate} with {key} cannot be used: {why}") from error
    return made


def fingerprint(folder: Path) -> str:
    """SHA-256 of the authority's certificate, as browsers show it; empty when there is none."""
    try:
        found = x509.load_pem_x509_certificate((folder / "authority.pem").read_bytes())
    except (OSError, ValueError):
        return ""
    return found.fingerprint(hashes.SHA256()).hex(":").upper()


def _authority(now: datetime, names: Names) -> tuple[x509.Certificate, Key]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Redshank on {names.hosts[-1]}")])
    allowed = [
        *(x509.DNSName(one) for one in dict.fromkeys([*LOCAL_NAMES, *names.hosts])),
        *(x509.IPAddress(ipaddress.ip_network(one)) for one in LOCAL_NETWORKS),
    ]
    builder = (
        _begun(name, name, key, now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.NameConstraints(allowed, None), critical=True)
    )
    return builder.sign(key, hashes.SHA256()), key


def _server(authority: tuple[x509.Certificate, Key], names: Names, now: datetime) -> tuple[x509.Certificate, Key]:
    issuer, signer = authority
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Redshank")])
    alternatives = [*map(x509.DNSName, names.hosts), *map(x509.IPAddress, names.addresses)]
    builder = (
        _begun(name, issuer.subject, key, now, SERVER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    return builder.sign(signer, hashes.SHA256()), key


def _begun(name: x509.Name, issuer: x509.Name, key: Key, now: datetime, days: int) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLY)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _read(stem: Path) -> tuple[x509.Certificate, Key] | None:
    """A pair that belongs together."""
    try:
        certificate = x509.load_pem_x509_certificate(stem.with_suffix(".pem").read_bytes())
        key = serialization.load_pem_private_key(stem.with_suffix(".key").read_bytes(), None)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    if not isinstance(key, Key) or key.public_key() != certificate.public_key():
        return None
    return certificate, key


def _lasts(certificate: x509.Certificate, now: datetime) -> bool:
    """Long enough."""
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - timedelta(days=RENEW_DAYS)


def _covers(server: x509.Certificate, authority: x509.Certificate, names: Names) -> bool:
    if server.issuer != authority.subject:
        return False
    own_key = server.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    its_key = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    said = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    hosts, addresses = said.get_values_for_type(x509.DNSName), said.get_values_for_type(x509.IPAddress)
    return own_key == its_key and set(names.hosts) <= set(hosts) and set(names.addresses) <= set(addresses)


def _write(stem: Path, certificate: x509.Certificate, key: Key, chain: x509.Certificate | None = None) -> None:
    """Key first, for its owner only; then the certificate, with its chain."""
    encoding = serialization.Encoding.PEM
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public: Sequence[x509.Certificate] = [certificate, *([chain] if chain else [])]
    _replace(stem.with_suffix(".key"), secret, 0o600)
    _replace(stem.with_suffix(".pem"), b"".join(one.public_bytes(encoding) for one in public), 0o644)


def _replace(path: Path, data: bytes, mode: int) -> None:
    """Whole or not at all."""
    part = path.with_name(f".{path.name}")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
