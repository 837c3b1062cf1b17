"""What an edition of the catalogue chooses, how two editions differ, how one is cited.

An *edition* here is a published, frozen selection (``catalog/models/editions.py``). The events of
its supplementary lists are left out of its count, and no list has an event of another; automatic
events, and whatever else is neither reviewed nor published, are in none.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Q
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from catalog import downloads, exports
from catalog.citation import Reference
from catalog.downloads import ALIAS
from catalog.models import Edition, Event
from catalog.rendering import unguarded
from catalog.search import API, EventSearch, SearchError, SearchProblem

#: Statuses an event of an edition may have; one that is not listed is not final.
FINAL = (Event.Status.REVIEWED.value, Event.Status.PUBLISHED.value)
#: Words that an edition's search cannot have: it is whole, and in the order of time.
NOT_HERE = ("limit", "offset", "orderby", "updatedafter", "format", "nodata")

PROBLEMS: dict[str, str | Promise] = {
    "empty": _("No reviewed event matches the search: there is nothing to freeze."),
    "changed-since-preview": _(
        "The events have changed since the preview. Look at the preview again, then publish."
    ),
    "mixed-synthetic": _(
        "Invented example events and real ones are mixed. Say synthetic=false in the search."
    ),
    "not-previewed": _("Look at the preview first: what is published is what was seen there."),
    "not-a-draft": _("This edition is published, or being frozen: it cannot be changed."),
    "work-parked": _("Freezing failed several times. The staff can see why at the desk."),
    "too-large": _("A file would be larger than %(limit)s bytes."),
    "bad-search": _("The search cannot be read: %(message)s"),
}


def sentence(code: str, values: dict[str, Any]) -> str:
    """Return what a problem says, in the language now active."""
    return str(PROBLEMS.get(code, code)) % values


# --- The search --------------------------------------------------------------------------------


def canonical(query: str) -> str:
    """Return the search of an edition as it is stored: its words in order, final events only.

    ``query`` may be the whole address of a search page.

    Raises
    ------
    SearchError
        With every problem found.
    """
    text = query.strip()
    given = QueryDict(text.partition("?")[2] if "?" in text else text)
    problems = [SearchProblem(word, "not-offered-here") for word in NOT_HERE if word in given]
    search = exports.search_of(given, ignore=(*NOT_HERE, "lang"))
    statuses = tuple(s for s in search.status or FINAL if s in FINAL)
    if not statuses:
        problems.append(
            SearchProblem(
                "status", "unknown-value", ",".join(search.status or ()), " | ".join(FINAL)
            )
        )
    if problems:
        raise SearchError(problems)
    # Together with event ids no other limit is allowed; what is not final is left out all the same.
    if search.eventid is None:
        search = search.replace(status=statuses)
    return search.to_query()


@dataclass(frozen=True)
class Chosen(EventSearch):
    """A search of final events, in the order of time, without those that another list has."""

    without: tuple[int, ...] = ()

    @classmethod
    def of(cls, query: str, without: Iterable[int] = ()) -> Chosen:
        search = EventSearch.from_query(QueryDict(query), API)
        values = {each.name: getattr(search, each.name) for each in fields(EventSearch)}
        return cls(**{**values, "orderby": "time-asc"}, without=tuple(sorted(without)))

    def _conditions(self) -> list[Q]:
        conditions = [*super()._conditions(), Q(status__in=FINAL)]
        if self.without:
            conditions.append(~Q(event_id__in=self.without))
        return conditions


def chosen(edition: Edition) -> list[Chosen]:
    """Return the search of the counted events, then that of each supplementary list.

    Ask inside ``downloads.one_snapshot``, and use them there.
    """
    taken: set[int] = set()
    lists = []
    for told in edition.lists:
        search = Chosen.of(told["search"], taken)
        lists.append(search)
        taken.update(search.matching().using(ALIAS).values_list("event_id", flat=True))
    return [Chosen.of(edition.search, taken), *lists]


def digest(searches: Iterable[Chosen]) -> str:
    """Return the SHA-256 of the events of searches as they stand in the open snapshot."""
    made = hashlib.sha256()
    for search in searches:
        made.update(f"\x00{search.to_query()}\x00".encode())
        with closing(downloads.WRITERS["csv"].events(search)) as batches:
            for batch in batches:
                made.update(batch)
    return made.hexdigest()


# --- Differences -------------------------------------------------------------------------------

ADDED, REMOVED, CHANGED = "added", "removed", "changed"

#: Place in the lists of an edition: a column of its own among the differences.
LIST = "list"

_DIFFERING = """
SELECT coalesce(n.public_id, o.public_id), o.csv_line, n.csv_line, o.list, n.list, heir.public_id
FROM (SELECT * FROM catalog_editionevent WHERE edition_id = %s) o
FULL JOIN (SELECT * FROM catalog_editionevent WHERE edition_id = %s) n ON n.event_id = o.event_id
LEFT JOIN catalog_event gone ON n.id IS NULL AND gone.id = o.event_id
LEFT JOIN catalog_event heir ON heir.id = gone.merged_into_id
WHERE o.csv_line IS DISTINCT FROM n.csv_line OR o.list IS DISTINCT FROM n.list
-- The first columns are the event's id and time, in every edition.
ORDER BY split_part(coalesce(n.csv_line, o.csv_line), ',', 2), coalesce(n.public_id, o.public_id)
"""


@dataclass(frozen=True, slots=True)
class Difference:
    """What became of one event between two editions."""

    kind: str
    public_id: str
    time: str
    #: Column, old and new value, as the CSV has them; of an event in both only.
    values: tuple[tuple[str, str, str], ...] = ()
    #: The event a removed one was merged into.
    into: str = ""


def differences(old: Edition, new: Edition) -> Iterator[Difference]:
    """Yield how the events of an edition differ from those of an earlier one, by time."""
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERING, [old.pk, new.pk])
        while found := cursor.fetchmany(1000):
            for public_id, before, after, list_then, list_now, into in found:
                then = _cells(before, old.columns, list_then)
                now = _cells(after, new.columns, list_now)
                if now is None:
                    time = (then or {}).get("time", "")
                    yield Difference(REMOVED, public_id, time, into=into or "")
                elif then is None:
                    yield Difference(ADDED, public_id, now.get("time", ""))
                elif values := tuple(
                    (name, then.get(name, ""), now.get(name, ""))
                    for name in dict.fromkeys((*then, *now))
                    if then.get(name, "") != now.get(name, "")
                ):
                    yield Difference(CHANGED, public_id, now.get("time", ""), values)


def _cells(line: str | None, columns: list[str], place: int | None) -> dict[str, str] | None:
    """Return the cells of a line by column, with the list it stands in."""
    if line is None:
        return None
    cells = dict(zip(columns, next(csv.reader([line])), strict=False))
    return {**cells, LIST: str(place or "")}


def differences_csv(found: Iterable[Difference]) -> Generator[bytes, None, None]:
    """Yield differences as a table: a line a changed value, a line an added or removed event."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("event_id", "time", "what", "column", "old", "new"))
    for one in found:
        head = (one.public_id, one.time, one.kind)
        if one.kind == CHANGED:
            writer.writerows((*head, *values) for values in one.values)
        elif one.into:
            writer.writerow((*head, "merged_into", "", one.into))
        else:
            writer.writerow((*head, "", "", ""))
        if out.tell() > downloads.BATCH_BYTES:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()


def events_of(edition: Edition, place: int, start: int, stop: int) -> list[dict[str, str]]:
    """Return some events of a list of an edition, as it froze them: cells by column."""
    lines = edition.events.filter(list=place, place__gt=start, place__lte=stop).order_by("place")
    return [
        dict(zip(edition.columns, map(unguarded, next(csv.reader([line]))), strict=False))
        for line in lines.values_list("csv_line", flat=True)
    ]


# --- Reference ---------------------------------------------------------------------------------


def reference_of(edition: Edition, language: str) -> Reference:
    """Return how an edition is cited; of a published one always the same.

    Texts are in the language now active, which is ``language``.
    """
    told = edition.reference
    if edition.published_at is None or edition.catalogue_version is None:
        raise ValueError(f"{edition} is not published")
    notes = [str(_("SHA-256 of its checksums: %(sum)s.") % {"sum": edition.sha256})]
    if edition.synthetic:
        notes.insert(0, str(_("All these events are synthetic examples, not real earthquakes.")))
    never: date | None = None
    return Reference(
        key=f"{told['agency'].lower()}-{edition.file_stem.lower()}",
        author=told["author"].get(language) or told["author"]["en"],
        title=_("Earthquake catalogue of Kazakhstan") + ": " + edition.title,
        year=edition.published_at.year,
        version=edition.catalogue_version,
        url=told["url"],
        accessed=never,
        language=language,
        sources=tuple(told["sources"]),
        notes=tuple(notes),
        edition=edition.name,
    )
