"""The page's own files: what is sent, how it is kept, and that nothing else can be asked for."""

from __future__ import annotations

from pathlib import Path

from redshank.web import shell
from tests.web.serving import client, place


def test_a_folder_that_is_not_there_is_no_page(tmp_path: Path) -> None:
    assert shell.read(tmp_path / "none") == {}


def test_every_file_is_known_by_its_address_and_compressed_when_that_helps(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>" + " " * 500)
    (tmp_path / "icon.png").write_bytes(bytes(range(256)) * 4)
    (tmp_path / "assets" / "a-1.js").write_text("let a = 1;" * 100)
    found = shell.read(tmp_path)
    assert set(found) == {"/index.html", "/icon.png", "/assets/a-1.js"}
    assert found["/assets/a-1.js"].type == "text/javascript"
    assert found["/assets/a-1.js"].kept
    assert not found["/index.html"].kept
    assert len(found["/index.html"].zipped) < 500
    assert found["/icon.png"].zipped == b""


def test_a_view_of_the_page_is_its_index_and_a_wrong_address_of_the_api_is_not(tmp_path: Path) -> None:
    with place(tmp_path) as here, client(here.app) as session:
        if not shell.PAGE:
            assert "make page" in session.get("/alerts").json()["detail"]
            return
        view = session.get("/alerts/some-id?camera=yard")
        assert view.status_code == 200
        assert "script-src 'self'" in view.headers["content-security-policy"]
        assert "unsafe" not in view.headers["content-security-policy"]
        again = session.get("/", headers={"If-None-Match": view.headers["etag"]})
        assert again.status_code == 304
        assert session.get("/api/nothing").status_code == 404
        assert session.get("/assets/nothing.js").status_code == 404
        for wrong in ("/%2e%2e/%2e%2e/etc/passwd", "/..%2fguard.py", "/assets/..%2f..%2fguard.py"):
            assert b"root:" not in session.get(wrong).content
            assert b"from __future__" not in session.get(wrong).content
