"""Take the pictures of the README and the docs from a running portal with the example year.

    .local/venv/bin/python docs/screenshots.py http://127.0.0.1:8000 [--only map,event]

It needs Debian's Chromium and the packages of ``bin/test``. The desk is pictured only where the
password of ``staff`` is given: ``--password-file .local/secrets/staff-password``, as ``bin/run``
keeps it. Each picture is made coarser until it has 400 KB or less.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Error, Page, sync_playwright

IMAGES = Path(__file__).resolve().parent / "images"
MOST_BYTES = 400_000
CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"]
#: Software drawing where there is no graphics card.
GRAPHICS = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@dataclass(frozen=True)
class Picture:
    """One file: an address below the portal's, and how it is looked at."""

    name: str
    path: str
    width: int = 1400
    height: int = 875
    scheme: str = "light"
    #: What must be there before the picture is taken: a selector.
    ready: str = "main"
    is_staff: bool = False


PICTURES = (
    Picture("map", "/en/?layers=mechanisms", ready="#map[data-loaded]"),
    Picture(
        "map-dark",
        "/kk/?starttime=2014-01-01&endtime=2015-01-01",
        scheme="dark",
        ready="#map[data-loaded]",
    ),
    Picture("event", "/en/events/{event}/", height=1100),
    Picture("felt", "/ru/felt/", height=1000),
    Picture("felt-event", "/en/events/{felt}/", height=1100),
    Picture("mechanisms", "/en/mechanisms/", height=1100),
    Picture("search", "/en/search/?starttime=2014-01-01&endtime=2015-01-01&minkr=9"),
    Picture(
        "statistics", "/en/search/statistics/?starttime=2014-01-01&endtime=2015-01-01", height=1100
    ),
    Picture("stations", "/en/stations/", ready="#station-map[data-loaded]"),
    Picture("desk", "/en/desk/", is_staff=True),
    Picture("review", "/en/desk/review/", is_staff=True),
)


def wanted(only: str) -> Iterator[Picture]:
    names = {name for name in only.split(",") if name}
    unknown = names - {picture.name for picture in PICTURES}
    if unknown:
        known = ", ".join(picture.name for picture in PICTURES)
        sys.exit(f"no picture is called {', '.join(sorted(unknown))}; there are {known}")
    return (picture for picture in PICTURES if not names or picture.name in names)


#: Events that pictures name, by a search of the example year: much is known of it; the public
#: reported it.
EVENTS = {"event": "minkr=13", "felt": "minfelt=1"}


def event_of(page: Page, base: str, search: str) -> str:
    """Return the id of an event of the example year that a search finds."""
    query = f"starttime=2014-01-01&endtime=2015-01-01&pagesize=1&{search}"
    answer = page.request.get(f"{base}/api/v1/events?{query}")
    events = answer.json()["events"] if answer.ok else []
    if not events:
        raise Error(f"{search} finds no event in 2014: load the example year first")
    return str(events[0]["id"])


def sign_in(page: Page, base: str, password: str) -> None:
    page.goto(f"{base}/en/login/")
    page.fill("input[name=username]", "staff")
    page.fill("input[name=password]", password)
    page.click("main button[type=submit]")
    page.wait_for_url("**/desk/**")


def small(png: bytes) -> bytes:
    """Return a picture as WebP of at most 400 KB, as fine as that allows."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in (90, 80, 70, 60):
        out = io.BytesIO()
        picture.save(out, "WEBP", quality=quality, method=6)
        if out.tell() <= MOST_BYTES:
            break
    return out.getvalue()


def take(browser: Browser, picture: Picture, base: str, password: str) -> bytes:
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme=picture.scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
    )
    page = context.new_page()
    try:
        if picture.is_staff:
            sign_in(page, base, password)
        named = {
            name: event_of(page, base, search)
            for name, search in EVENTS.items()
            if f"{{{name}}}" in picture.path
        }
        answer = page.goto(base + picture.path.format(**named))
        if answer is None or not answer.ok:
            raise Error(f"{picture.path} answers {answer and answer.status}")
        page.wait_for_selector(picture.ready)
        page.wait_for_load_state("networkidle")
        page.evaluate("() => document.fonts.ready")
        # What is drawn in the next frame after the data came.
        page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 500)))"
        )
        return page.screenshot()
    finally:
        context.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", help="address of a running portal, such as http://127.0.0.1:8000")
    parser.add_argument("--only", default="", help="names of pictures, separated by commas")
    parser.add_argument("--password-file", type=Path, help="file with the password of staff")
    parser.add_argument("--to", type=Path, default=IMAGES, help="folder of the pictures")
    asked = parser.parse_args()
    base = asked.base.rstrip("/")
    password = asked.password_file.read_text().strip() if asked.password_file else ""
    failed = 0
    asked.to.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS + GRAPHICS)
        for picture in wanted(asked.only):
            if picture.is_staff and not password:
                print(f"{picture.name}: left out, no --password-file")
                continue
            try:
                webp = small(take(browser, picture, base, password))
            except Error as error:
                print(f"{picture.name}: {str(error).splitlines()[0]}", file=sys.stderr)
                failed += 1
                continue
            (asked.to / f"{picture.name}.webp").write_bytes(webp)
            print(f"{picture.name}.webp: {len(webp) / 1000:.0f} KB")
        browser.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
