"""The certificate a device can trust, over the server."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import replace
from pathlib import Path

from cryptography import x509

from redshank import certificates
from redshank.clock import SystemClock
from tests.web.serving import client, place


def test_anybody_gets_our_authoritys_certificate_and_never_its_key(tmp_path: Path) -> None:
    names = certificates.Names(("localhost", "box"), (ipaddress.ip_address("127.0.0.1"),))
    certificates.own(tmp_path / "tls", names, SystemClock().now())
    pem = (tmp_path / "tls" / "authority.pem").read_bytes()
    both = pem + (tmp_path / "tls" / "authority.key").read_bytes()
    with place(tmp_path / "site") as here:
        here.rooms = replace(here.rooms, access=None, authority=lambda: both)
        with client(here.app) as session:
            binary = session.get("/api/certificate")
            text = session.get("/api/certificate?format=pem")
            odd = session.get("/api/certificate?format=key")
    assert binary.headers["content-type"] == "application/x-x509-ca-cert"
    assert binary.headers["content-disposition"] == 'attachment; filename="redshank-authority.crt"'
    assert x509.load_der_x509_certificate(binary.content) == x509.load_pem_x509_certificate(pem)
    assert ssl.PEM_cert_to_DER_cert(text.text) == binary.content
    assert b"PRIVATE" not in binary.content + text.content
    assert odd.status_code == 400


def test_where_there_is_none_of_ours_it_is_said(tmp_path: Path) -> None:
    with place(tmp_path) as here, client(here.app) as session:
        answer = session.get("/api/certificate")
    assert answer.status_code == 404
    assert "web.lan" in answer.json()["detail"]
