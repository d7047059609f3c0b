"""The certificate of our own authority, for devices that shall trust this page. Plain functions in the pool."""

from __future__ import annotations

import ssl
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response

from redshank.web.answer import Problem
from redshank.web.guard import public
from redshank.web.rooms import Rooms

routes = APIRouter(prefix="/api/certificate")
END = b"-----END CERTIFICATE-----"


@routes.get("")
@public
def certificate(request: Request, format: Literal["der", "pem"] = "der") -> Response:
    """Never a key. Public as the certificate in each TLS handshake is: a device must have it before it trusts this page."""
    rooms: Rooms = request.app.state.rooms
    chain = rooms.authority()
    first, end, _more = chain.partition(END)
    if not end:
        raise Problem(404, "this server has no certificate authority of its own: see web.lan")
    pem = first[first.find(b"-----BEGIN") :] + end + b"\n"
    if format == "pem":
        return _file(pem, "redshank-authority.pem", "application/x-pem-file")
    return _file(ssl.PEM_cert_to_DER_cert(pem.decode()), "redshank-authority.crt", "application/x-x509-ca-cert")


def _file(data: bytes, name: str, kind: str) -> Response:
    return Response(data, headers={"Content-Disposition": f'attachment; filename="{name}"'}, media_type=kind)
