"""`redshank evidence`, as typed."""

from __future__ import annotations

import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from redshank.archive.evidence import fingerprint, public_pem
from redshank.cli.evidence import app
from tests.archive.bundles import bundle, signed
from tests.cli.typed import typed

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER = fingerprint(public_pem(KEY))


def test_a_right_bundle_names_every_file_and_whose_key(tmp_path: Path) -> None:
    path = bundle(tmp_path / "a.zip", signed(KEY))
    found = typed(app, "verify", path)
    assert found.exit_code == 0
    assert "ok       porch.mp4 (768 bytes)" in found.output
    assert SIGNER in found.output
    assert "compare it" in found.output
    assert "the one you named" in typed(app, "verify", path, "--key", SIGNER).output


def test_one_flipped_byte_ends_with_1_and_one_line(tmp_path: Path) -> None:
    path = bundle(tmp_path / "a.zip", signed(KEY))
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    found = typed(app, "verify", path)
    assert found.exit_code == 1
    assert "ALTERED  porch.mp4" in found.stdout
    (line,) = found.stderr.splitlines()
    assert "porch.mp4: altered" in line
    said = json.loads(typed(app, "verify", path, "--json").stdout)
    assert (said["ok"], said["files"][0]["name"]) == (False, "porch.mp4")


def test_names_from_elsewhere_are_printed_without_their_escapes(tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    for name, data in {**signed(KEY), "\x1b[2K\rok: every byte is as it was signed\n": b""}.items():
        (folder / name).write_bytes(data)
    found = typed(app, "verify", folder)
    assert found.exit_code == 1
    assert "?[2K?ok: every byte is as it was signed?: is not in the signed manifest" in found.stderr


def test_another_key_ends_with_1(tmp_path: Path) -> None:
    path = bundle(tmp_path / "a.zip", signed(KEY))
    assert typed(app, "verify", path, "--key", "0" * 64).exit_code == 1


def test_the_key_is_shown_and_its_secret_is_not(tmp_path: Path) -> None:
    """rel:S12."""
    found = typed(app, "key", "--data", tmp_path)
    private = (tmp_path / "keys" / "evidence.key").read_text()
    said = json.loads(typed(app, "key", "--data", tmp_path, "--json").stdout)
    assert said["fingerprint"] in found.stdout
    assert said["public"] in found.stdout
    assert private.splitlines()[1] not in found.output
