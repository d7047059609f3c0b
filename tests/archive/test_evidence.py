"""Keys, signatures, and whether anything that was changed is found."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from redshank.archive import evidence
from redshank.errors import ConfigError, StoreError
from tests.archive.bundles import FILES, STAMP, bundle, packed, signed

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
SIGNER = evidence.fingerprint(evidence.public_pem(KEY))


def test_the_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    first = evidence.signing_key(tmp_path)
    path = tmp_path / evidence.KEY
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert evidence.public_pem(evidence.signing_key(tmp_path)) == evidence.public_pem(first)
    assert [one.name for one in path.parent.iterdir()] == ["evidence.key"]


def test_a_damaged_key_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / evidence.KEY
    path.parent.mkdir()
    path.write_text("-----BEGIN PRIVATE KEY-----\nsecret\n")
    with pytest.raises(StoreError, match="backup") as refused:
        evidence.signing_key(tmp_path)
    assert "secret" not in str(refused.value)
    assert "secret" in path.read_text()


def test_a_bundle_is_right_as_file_and_as_folder(tmp_path: Path) -> None:
    path = bundle(tmp_path / "a.zip", signed(KEY))
    found = evidence.verify(path)
    assert (found.problem, found.fingerprint) == ("", SIGNER)
    assert [one.name for one in found.files] == [*FILES, evidence.PUBLIC]
    shutil.unpack_archive(path, tmp_path / "unpacked")
    assert evidence.verify(tmp_path / "unpacked") == found
    assert evidence.verify(path, SIGNER).problem == ""


def test_every_single_flipped_bit_of_a_bundle_is_found(tmp_path: Path) -> None:
    """Data, manifest, signature, key, headers and the table of contents: each byte, one bit of it."""
    data = packed(signed(KEY, {"porch.mp4": b"0123456789"}))
    path = tmp_path / "a.zip"
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        assert evidence.verify(path).problem, f"byte {place} of {len(data)}"


@pytest.mark.parametrize("place", ["before", "behind"])
def test_bytes_put_around_a_bundle_are_found(place: str, tmp_path: Path) -> None:
    data = packed(signed(KEY))
    path = tmp_path / "a.zip"
    path.write_bytes(b"x" + data if place == "before" else data + b"x")
    assert evidence.verify(path).problem


def test_what_is_wrong_is_said_by_name(tmp_path: Path) -> None:
    right = signed(KEY)
    path = tmp_path / "a.zip"

    def said(files: dict[str, bytes]) -> str:
        return evidence.verify(bundle(path, files)).problem

    assert said({**right, "porch.mp4": right["porch.mp4"][:-1] + b"!"}).startswith("porch.mp4: altered")
    assert said({**right, "porch.mp4": b""}) == "porch.mp4: is 0 bytes long, not 768"
    assert said({n: d for n, d in right.items() if n != "gaps.csv"}) == "gaps.csv: missing"
    assert said({**right, "more.mp4": b"?"}) == "more.mp4: is not in the signed manifest"
    assert said({**right, "manifest.sig": bytes(64)}).startswith("manifest.sig: the signature is not right")
    assert said({n: d for n, d in right.items() if n != "manifest.sig"}).startswith("manifest.sig: missing")
    assert said({**right, "public.pem": evidence.public_pem(OTHER)}).startswith(
        "manifest.sig: the signature is not right"
    )


def test_another_key_is_told_by_its_fingerprint(tmp_path: Path) -> None:
    """Who forges a bundle can sign it with a key of their own: only the fingerprint tells."""
    path = bundle(tmp_path / "a.zip", signed(OTHER))
    assert evidence.verify(path).problem == ""
    assert "signed with another key" in evidence.verify(path, SIGNER).problem


def test_a_fingerprint_may_be_written_in_any_way(tmp_path: Path) -> None:
    pem = tmp_path / "their.pem"
    pem.write_bytes(evidence.public_pem(KEY))
    colons = ":".join(SIGNER[n : n + 2] for n in range(0, 64, 2)).upper()
    assert {evidence.wanted_key(text) for text in (SIGNER, colons, f"sha256:{SIGNER}", str(pem))} == {SIGNER}
    with pytest.raises(ConfigError, match="64 hex digits"):
        evidence.wanted_key(SIGNER[:16])


def test_a_folder_with_links_is_no_bundle(tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    (folder / "manifest.json").symlink_to("/etc/passwd")
    assert "no plain file" in evidence.verify(folder).problem


def test_a_manifest_of_nonsense_is_refused(tmp_path: Path) -> None:
    for text in (b"", b"[]", b"{", b"[" * 100_000, b'{"v":1,"files":[{"name":1}]}', b'{"v":2,"files":[]}', b'{"v":1}'):
        files = {"public.pem": evidence.public_pem(KEY), "manifest.json": text, "manifest.sig": KEY.sign(text)}
        assert evidence.verify(bundle(tmp_path / "a.zip", files)).problem.startswith("manifest.json"), text[:20]


def test_other_dates_in_the_archive_are_found(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(packed(signed(KEY), STAMP + 1))
    assert evidence.verify(path).problem == "porch.mp4: its date in the archive was altered"


@pytest.mark.parametrize(
    "said",
    [
        {"made": "2026-11-21T07:03:12Z, with the key\n  0000\nwhich is the one you named.\x1b[8m"},
        {"made": 1},
        {"stamp": "x"},
        {"files": [{"name": "a\nok b.mp4", "size": 0, "sha256": ""}]},
    ],
)
def test_a_manifest_that_would_print_more_than_it_is_is_refused(said: dict[str, object], tmp_path: Path) -> None:
    """Anyone can sign: the text of a manifest must not look like ours."""
    assert evidence.verify(bundle(tmp_path / "a.zip", signed(KEY, more=said))).problem == "manifest.json: damaged"


def test_a_manifest_too_long_to_be_read_is_refused_unread(tmp_path: Path) -> None:
    path = bundle(tmp_path / "a.zip", signed(KEY, more={"padding": "x" * (33 << 20)}))
    assert evidence.verify(path).problem == "manifest.json: too long"


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        evidence.verify(tmp_path / "none.zip")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_openssl_says_the_same(tmp_path: Path) -> None:
    """What the README.txt of a bundle tells people to type."""
    for name, data in signed(KEY).items():
        (tmp_path / name).write_bytes(data)

    def openssl(*words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["openssl", *words], cwd=tmp_path, capture_output=True, check=False)

    check = (
        "pkeyutl",
        "-verify",
        "-pubin",
        "-inkey",
        "public.pem",
        "-rawin",
        "-in",
        "manifest.json",
        "-sigfile",
        "manifest.sig",
    )
    assert openssl(*check).returncode == 0
    der = openssl("pkey", "-pubin", "-in", "public.pem", "-outform", "DER").stdout
    (tmp_path / "key.der").write_bytes(der)
    assert SIGNER.encode() in openssl("dgst", "-sha256", "key.der").stdout
    (tmp_path / "manifest.json").write_text(json.dumps({"v": 1}))
    assert openssl(*check).returncode != 0
