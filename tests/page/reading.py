"""What can be seen of a live picture in the page: the number in its bar code (tests/harness/footage.py), read back from a canvas."""

from __future__ import annotations

from tests.harness.browser import Page

READ = """
((selector) => {
  const box = document.querySelector(selector);
  const shown = box && [...box.querySelectorAll('video, canvas')].find((one) => getComputedStyle(one).visibility !== 'hidden');
  if (!shown) return null;
  const [width, height] = shown.tagName === 'VIDEO' ? [shown.videoWidth, shown.videoHeight] : [shown.width, shown.height];
  if (!width) return null;
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  pen.drawImage(shown, 0, 0);
  const cell = width / 32, data = pen.getImageData(0, 0, width, Math.ceil(2 * cell)).data;
  const level = (row, column) => data[4 * (Math.floor((row + 0.5) * cell) * width + Math.floor((column + 0.5) * cell))];
  let bits = '';
  for (let column = 0; column < 22; column++) {
    const contrast = level(0, column) - level(1, column);
    if (Math.abs(contrast) < 40) return null;
    bits += contrast > 0 ? '1' : '0';
  }
  return parseInt(bits.slice(2, 18), 2);
})
"""


def number(page: Page, within: str = ".player", timeout_s: float = 20) -> int:
    """Of the picture that is seen, as soon as there is one."""
    found: list[int] = page.wait_for(f"(n => n === null ? false : [n])({READ}({within!r}))", timeout_s)
    return found[0]


def moving(page: Page, within: str = ".player", timeout_s: float = 20) -> int:
    """Waits until the picture has become another, twice; the last number."""
    seen = number(page, within, timeout_s)
    for _ in range(2):
        seen = page.wait_for(f"(n => n !== null && n !== {seen} && [n])({READ}({within!r}))", timeout_s)[0]
    return seen
