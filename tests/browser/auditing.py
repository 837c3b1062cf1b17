"""What keeps people out of a page: axe-core's grave issues, what sticks out, what is cut."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings
from playwright.sync_api import Page

#: Of axe-core's impacts those that keep people out.
GRAVE = ("serious", "critical")


@lru_cache(maxsize=1)
def _axe() -> str:
    file = settings.BASE_DIR / "node_modules" / "axe-core" / "axe.min.js"
    return file.read_text(encoding="utf-8")


def grave_issues(page: Page) -> list[str]:
    """Return axe-core's serious and critical issues, each with its rule and where it is."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_axe())
    found = page.evaluate(
        """async () => {
          const told = await axe.run(document, {
            resultTypes: ["violations"],
            runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
          });
          return told.violations.flatMap(({ id, impact, nodes }) => nodes.map((node) => (
            { id, impact, where: node.target.join(" "), why: node.failureSummary })));
        }"""
    )
    return [
        f"{issue['id']} ({issue['impact']}) at {issue['where']}: {issue['why']}"
        for issue in found
        if issue["impact"] in GRAVE
    ]


def misfits(page: Page) -> list[str]:
    """Return what is wider than the window, and text that its own box cuts off."""
    found: list[str] = page.evaluate(
        """async () => {
          // What follows the window's size does so with the next frames.
          const frame = () => new Promise(requestAnimationFrame);
          await frame();
          await frame();
          const told = [];
          const room = document.documentElement.clientWidth;
          const name = (e) => [e.localName, e.id && `#${e.id}`, ...e.classList].join(".");
          if (document.documentElement.scrollWidth > room + 1) {
            told.push(`the page is ${document.documentElement.scrollWidth} wide in ${room}`);
            for (const e of document.querySelectorAll("main *, header *, footer *")) {
              const box = e.getBoundingClientRect();
              let inside = false;
              for (let up = e.parentElement; up; up = up.parentElement) {
                const flow = getComputedStyle(up).overflowX;
                if (flow !== "visible") inside = true;
              }
              if (!inside && box.right > room + 1 && told.length < 5) {
                told.push(`${name(e)} ends at ${box.right}`);
              }
            }
          }
          for (const e of document.querySelectorAll("main *, header *, footer *")) {
            const style = getComputedStyle(e);
            const cuts = ["hidden", "clip"].includes(style.overflowX);
            const small = e.clientWidth < 5 || e.clientHeight < 5;
            const meant = style.clipPath !== "none" || style.textOverflow === "ellipsis";
            if (!cuts || small || meant) continue;
            if (e.closest(".leaflet-container, [aria-hidden=true], .visually-hidden")) continue;
            const text = [...e.querySelectorAll("*"), e].some((inner) =>
              [...inner.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
            if (text && e.scrollWidth > e.clientWidth + 1) {
              told.push(`${name(e)} shows ${e.clientWidth} of ${e.scrollWidth}`);
            }
          }
          return told;
        }"""
    )
    return found


def small_targets(page: Page) -> list[str]:
    """Return what can be pressed and is less than 24 px high or wide, links in text left out.

    WCAG 2.2, 2.5.8 lets go what has room around it; axe-core measures that. This is our own rule
    for buttons and fields.
    """
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("button, select, input:not([type=hidden]), summary")]
          .filter((e) => e.checkVisibility() && !e.closest("label, .visually-hidden"))
          .map((e) => [e, e.getBoundingClientRect()])
          .filter(([, box]) => box.width > 0 && (box.width < 23.5 || box.height < 23.5))
          .map(([e, box]) => `${e.localName}.${e.className} ${box.width}x${box.height}`)"""
    )
    return found
