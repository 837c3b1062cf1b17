"""The map of a million events against plain Leaflet circle markers, in headless Chromium.

Synthetic events of 36 years (seed fixed): energy classes from 6 by a slope of 0.5, most of them
shallow, in ten clusters and a tenth at random, Kazakhstan's south-east. They are packed by the
project's own encoder and served, packed by gzip, by a small server on this machine; the page is the
map's own modules without a basemap. The markers are `L.circleMarker` of the same size and colour
from a JSON of rows of the same server, by Leaflet's usual SVG (`speedup_vs_markers`) and by its
canvas (`speedup_vs_canvas_markers`). What does not finish in time is stopped: then the ratio is a
lower bound, and its size stands in the parameter `markers_stopped`. Chromium draws WebGL in
software here (SwiftShader), as no gate machine has a graphics card.

Keys, each with its size: ``first_draw_s`` from asking the manifest to the finished picture of all
events, ``first_tile_s`` to the first picture, ``filter_ms`` from a search to its picture (middle of
five searches), ``legend_ms``, ``pan_ms``, ``play_frame_ms`` (a month's window moved through a
year), ``hit_ms``, ``bytes_per_event`` (columns), ``bytes_with_headers``, ``bytes_packed``,
``speedup_vs_markers``, ``speedup_vs_canvas_markers``; ``slow_first_draw_s`` at a processor slowed
four times and ``slow_vs_1000_markers``, its ratio to 1,000 SVG markers as slow; gates:
``bytes_per_event`` and ``requests_after_load``, what filters, pans and playing fetch.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, Error, Page, TimeoutError, sync_playwright
from stack.report import Report

from catalog.formats import map_tiles

NEEDS = ()
ROOT = Path(__file__).resolve().parents[1]
SIZES = (1_000, 10_000, 100_000, 1_000_000)
FIRST_YEAR, YEARS = 1990, 36
CLUSTERS = 10
SLOW = 4
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
]
TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html"}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>bench</title>
<link rel="stylesheet" href="/static/leaflet/leaflet.css">
<link rel="stylesheet" href="/static/css/tokens.css">
<link rel="stylesheet" href="/static/css/map.css">
<style>html, body, #map { margin: 0; width: 1000px; height: 800px; position: static; }</style>
<div id="map"></div><script src="/static/leaflet/leaflet.js"></script>
<script type="module" src="/bench.js"></script>"""


def events(number: int) -> NDArray[Any]:
    """Return so many synthetic events, shape (number,), oldest first."""
    rng = np.random.default_rng(20260101)
    found = np.zeros(number, map_tiles.EVENT)
    first = map_tiles.microseconds(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC))
    last = map_tiles.microseconds(datetime(FIRST_YEAR + YEARS, 1, 1, tzinfo=UTC))
    found["time_us"] = np.sort(rng.integers(first, last, number))
    centre = np.column_stack([rng.uniform(41, 46, CLUSTERS), rng.uniform(68, 85, CLUSTERS)])
    places = centre[rng.integers(0, CLUSTERS, number)] + rng.normal(0, (0.4, 0.6), (number, 2))
    lonely = rng.random(number) < 0.1
    places[lonely] = np.column_stack(
        [rng.uniform(40, 47, lonely.sum()), rng.uniform(66, 87, lonely.sum())]
    )
    found["latitude"], found["longitude"] = places.T
    found["depth_km"] = np.round(np.minimum(rng.gamma(2, 7, number), 150), 1)
    found["kr"] = np.round(np.minimum(6 + rng.exponential(1 / (0.5 * np.log(10)), number), 17), 1)
    found["mpva"] = found["magnitude"] = np.nan
    found["felt"] = found["kr"] > 10.5
    found["synthetic"] = False
    years = found["time_us"].astype("datetime64[us]").astype("datetime64[Y]").astype(int) + 1970
    letters = np.array(list(map_tiles.ALPHABET))[rng.integers(0, 30, (number, map_tiles.PLACES))]
    found["public_id"] = [
        f"kz{year}{''.join(six)}" for year, six in zip(years, letters, strict=True)
    ]
    return found


@dataclass
class Served:
    """What the small server answers: bodies by path; what the tiles weigh."""

    bodies: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    tile_bytes: int = 0
    column_bytes: int = 0
    packed_bytes: int = 0


def served(found: NDArray[Any]) -> Served:
    """Pack events into tiles as the worker does, and into rows for the markers."""
    answer = Served()
    months = found["time_us"].astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)
    numbers, counts = np.unique(months, return_counts=True)
    tiles = []
    for period in map_tiles.periods(dict(zip(numbers.tolist(), counts.tolist(), strict=True))):
        low, high = np.searchsorted(months, (period.month, period.month + period.months))
        body = map_tiles.encode_tile(found[low:high], period.start_ms, period.unit_ms)
        path = f"/tiles/{len(tiles)}.bin"
        packed = gzip.compress(body, 6, mtime=0)
        answer.bodies[path] = ("application/octet-stream", packed)
        columns = map_tiles.decode_tile(body).columns
        answer.tile_bytes += len(body)
        answer.column_bytes += sum(column.nbytes for column in columns.values())
        answer.packed_bytes += len(packed)
        tiles.append(
            {
                "url": path,
                "start": period.start_ms,
                "end": period.end_ms,
                "count": int(high - low),
                "bytes": len(body),
            }
        )
    manifest = {"format": 1, "version": 1, "count": len(found), "tiles": tiles[::-1]}
    rows = np.column_stack([found[n] for n in ("latitude", "longitude", "depth_km", "kr")])
    for path, value in (
        ("/tiles.json", manifest),
        ("/changes.json", {"version": 1, "gone": [], "columns": [], "rows": []}),
        ("/rows.json", np.round(rows, 4).tolist()),
    ):
        body = gzip.compress(json.dumps(value, separators=(",", ":")).encode(), 6)
        answer.bodies[path] = ("application/json", body)
    answer.bodies["/"] = ("text/html", gzip.compress(PAGE.encode()))
    script = (ROOT / "benchmarks" / "map_page.js").read_bytes()
    answer.bodies["/bench.js"] = (TYPES[".js"], gzip.compress(script))
    return answer


def static_file(path: str) -> tuple[str, bytes] | None:
    """Return a static file of the project or of django-leaflet."""
    leaflet = find_spec("leaflet")
    assert leaflet is not None and leaflet.origin is not None
    name = path.removeprefix("/static/")
    for folder in (ROOT / "static", Path(leaflet.origin).parent / "static"):
        file = (folder / name).resolve()
        if file.is_relative_to(folder) and file.is_file():
            return TYPES.get(file.suffix, "application/octet-stream"), gzip.compress(
                file.read_bytes(), 1
            )
    return None


@contextmanager
def serving(answer: Served) -> Iterator[str]:
    """Serve on a free port; yield the address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            found = answer.bodies.get(path) or (
                static_file(path) if path.startswith("/static/") else None
            )
            media_type, body = found or ("text/plain", gzip.compress(b""))
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()


@contextmanager
def page_at(address: str, slow: int) -> Iterator[Page]:
    """Open the bench page in a browser of its own, its processor slowed so many times."""
    with sync_playwright() as playwright:
        browser: Browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1000, "height": 800})
        page.on("pageerror", lambda error: print("page:", error))
        page.goto(address)
        page.wait_for_function("globalThis.isReady")
        if slow > 1:
            session = page.context.new_cdp_session(page)
            session.send("Emulation.setCPUThrottlingRate", {"rate": slow})
        yield page
        browser.close()


def asked_of(
    address: str, call: str, options: dict[str, bool], *, seconds: float, slow: int = 1
) -> dict[str, Any] | None:
    """Run one function of the page; ``None`` if it took longer than ``seconds``."""
    with page_at(address, slow) as page:
        page.evaluate(
            f"""(options) => {{ globalThis.answer = null;
              {call}(options).then((found) => {{ globalThis.answer = found; }},
                (error) => {{ globalThis.answer = {{ error: String(error) }}; }}); }}""",
            options,
        )
        try:
            handle = page.wait_for_function("globalThis.answer", timeout=1000 * seconds)
            found: dict[str, Any] = handle.json_value()
        except (TimeoutError, Error):
            return None
        if "error" in found:
            raise RuntimeError(f"{call}: {found['error']}")
        return found


def measure(report: Report, size: int, *, rounds: int, seconds: float) -> None:
    """Measure one size; the middle of ``rounds`` runs, one beyond 100,000 events."""
    answer = served(events(size))
    stopped: list[str] = report.parameters["markers_stopped"]  # type: ignore[assignment]
    repeats = rounds if size <= 100_000 else 1
    with serving(answer) as address:
        runs = []
        for _ in range(repeats):
            found = asked_of(address, "ours", {"webgl": True}, seconds=10 * seconds)
            if found is None:
                raise RuntimeError(f"{size} events were not drawn in {10 * seconds:g} s")
            if found["count"] != size:
                raise RuntimeError(f"{found['count']} of {size} events were drawn")
            runs.append(found)
        report.parameters[f"engine_{size}"] = runs[-1]["engine"]
        middle = {
            name: statistics.median(run[name] for run in runs)
            for name in runs[0]
            if name not in ("engine", "count", "requests_after_load")
        }
        for name in ("first_draw_s", "first_tile_s", "filter_ms", "legend_ms", "pan_ms"):
            report.add(f"{name}_{size}", middle[name], name.rpartition("_")[2])
        for name in ("play_frame_ms", "hit_index_ms", "hit_ms"):
            report.add(f"{name}_{size}", middle[name], "ms")
        report.add(f"bytes_per_event_{size}", answer.column_bytes / size, "B", at_most=20)
        report.add(f"bytes_with_headers_{size}", answer.tile_bytes / size, "B")
        report.add(f"bytes_packed_{size}", answer.packed_bytes / size, "B")
        again = max(run["requests_after_load"] for run in runs)
        report.add(f"requests_after_load_{size}", again, "", at_most=0)
        for name, canvas in (("markers", False), ("canvas_markers", True)):
            plain = asked_of(address, "markers", {"canvas": canvas}, seconds=seconds)
            if plain is None:
                stopped.append(f"{name}_{size}")
            took = seconds if plain is None else plain["first_draw_s"]
            report.add(f"{name}_first_draw_s_{size}", took, "s")
            report.add(f"speedup_vs_{name}_{size}", took / middle["first_draw_s"], "times")
            print(f"{size} {name}: {'more than ' if plain is None else ''}{took:.2f} s", flush=True)
        print(f"{size} events: {middle['first_draw_s']:.2f} s by {runs[-1]['engine']}", flush=True)


def measure_slow(report: Report, sizes: list[int], *, seconds: float) -> None:
    """Measure the first draw of each size, and of 1,000 markers, with a slow processor."""
    with serving(served(events(1000))) as address:
        plain = asked_of(address, "markers", {"canvas": False}, seconds=seconds, slow=SLOW)
    assert plain is not None
    report.add("slow_1000_markers_s", plain["first_draw_s"], "s")
    for size in sizes:
        with serving(served(events(size))) as address:
            found = asked_of(address, "ours", {"webgl": True}, seconds=20 * seconds, slow=SLOW)
        if found is None:
            raise RuntimeError(f"{size} events were not drawn in {20 * seconds:g} s")
        report.add(f"slow_first_tile_s_{size}", found["first_tile_s"], "s")
        report.add(f"slow_first_draw_s_{size}", found["first_draw_s"], "s")
        ratio = found["first_draw_s"] / plain["first_draw_s"]
        report.add(f"slow_vs_1000_markers_{size}", ratio, "times")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60, help="markers are stopped after this")
    arguments = parser.parse_args()
    report = Report(
        "map",
        {
            "sizes": arguments.sizes,
            "markers": "L.circleMarker, SVG renderer (Leaflet's own choice)",
            "canvas_markers": "L.circleMarker, canvas renderer",
            "markers_stopped_after_s": arguments.seconds,
            "markers_stopped": [],
            "slowed": SLOW,
        },
    )
    for size in arguments.sizes:
        measure(report, size, rounds=arguments.rounds, seconds=arguments.seconds)
    measure_slow(report, arguments.sizes, seconds=arguments.seconds)
    report.print()


if __name__ == "__main__":
    main()
