"""What a person does in the page of the real program: log in, press what is called so, type into what is labelled so."""

from __future__ import annotations

import json
from contextlib import closing

from tests.e2e.program import PASSWORD, Program
from tests.harness.browser import Browser, Page

NAMED = """
(wanted => {
  const all = [...document.querySelectorAll('button, a, summary')].filter((one) => one.getClientRects().length);
  const found = all.find((one) => one.textContent.trim() === wanted || one.getAttribute('aria-label') === wanted);
  document.querySelectorAll('[data-hand]').forEach((one) => one.removeAttribute('data-hand'));
  found?.setAttribute('data-hand', '');
  return !!found && !found.disabled;
})
"""
LABELLED = """
(wanted => {
  const all = [...document.querySelectorAll('label')].filter((one) => one.getClientRects().length);
  const label = all.find((one) => one.textContent.trim() === wanted);
  const found = label && (document.getElementById(label.htmlFor) || label.querySelector('input, textarea, select'));
  document.querySelectorAll('[data-hand]').forEach((one) => one.removeAttribute('data-hand'));
  found?.setAttribute('data-hand', '');
  return !!found;
})
"""


def enter(program: Program, browser: Browser, path: str = "/", name: str = "admin", password: str = PASSWORD) -> Page:
    """A new page with cookies of its own, logged in; the first administrator is made where there is none."""
    with closing(program.log_in()) as client:
        if name != "admin":
            client.cookies.clear()
            client.post("/api/login", json={"name": name, "password": password}).raise_for_status()
        secret = client.cookies["redshank"]
    page = browser.page(fresh=True)
    page.call("Network.setCookie", name="redshank", value=secret, url=program.page(), httpOnly=True, sameSite="Strict")
    page.open(f"{program.page()}{path}")
    return page


def press(page: Page, name: str, timeout_s: float = 20) -> None:
    """The button or link of this text or label, once it can be pressed."""
    page.wait_for(f"{NAMED}({json.dumps(name)})", timeout_s)
    page.click("[data-hand]")


def write(page: Page, label: str, text: str, timeout_s: float = 20) -> None:
    """Into the labelled field, in place of what it holds."""
    page.wait_for(f"{LABELLED}({json.dumps(label)})", timeout_s)
    page.click("[data-hand]")
    page.evaluate("document.querySelector('[data-hand]').select()")
    page.call("Input.insertText", text=text)


def says(page: Page, text: str, timeout_s: float = 20) -> None:
    """Waits until the page shows this text."""
    page.wait_for(f"document.body.innerText.includes({json.dumps(text)})", timeout_s)
