"""Draft, preview and freeze editions of the catalogue.

An *edition* here is a published, frozen selection (``catalog/models/editions.py``); the later
editions of bulletin lists are another matter (``processing/jobs/editions.py``).

Freezing is one transaction that reads one snapshot: events, files, flags and differences are there
together, with the work item closed, or nothing is. What is frozen is what its editor saw: if the
events have changed since the preview, the edition stays a draft and says so.
"""

from __future__ import annotations

import csv
import hashlib
import io
import logging
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from catalog import citation, coverage, downloads, rendering
from catalog.downloads import ALIAS, one_snapshot
from catalog.edition_contents import (
    Chosen,
    chosen,
    differences,
    differences_csv,
    digest,
    reference_of,
)
from catalog.models import (
    Agency,
    Edition,
    EditionFile,
    Event,
    EventRow,
    Export,
    MergeDecision,
    User,
)
from catalog.querysets import EventRowQuerySet
from catalog.scales import kr_class
from catalog.search import EventSearch, short_id, successors
from processing.core.declustering import ROLES, Declustered
from processing.jobs import declustering, exporting
from processing.jobs.declustering import Selection
from processing.leases import database_now
from processing.models import WorkItem

#: With exports: after every bulletin.
PRIORITY = 9
BATCH = 2000
#: Supplementary lists of one edition.
MOST_LISTS = 20

_LOCK_NUMBERING = 0x6B7A12
#: Files of the counted events: kind, the writer, what a file's name ends with.
FILES = (("csv", "csv", "csv"), ("text", "text", "txt"), ("quakeml", "xml", "xml"))
_CSV = "text/csv; charset=utf-8; header=present"

logger = logging.getLogger(__name__)


class Refused(Exception):
    """An edition cannot be published: a code of ``edition_contents.PROBLEMS`` and its values."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values


# --- Preview -----------------------------------------------------------------------------------

WARNINGS: dict[str, str | Promise] = {
    "all-synthetic": _("All these events are invented examples."),
    "not-earthquakes": ngettext_lazy(
        "%(n)s event is counted that is no earthquake (%(types)s).",
        "%(n)s events are counted that are no earthquakes (%(types)s).",
        "n",
    ),
    "supplementary": ngettext_lazy(
        "%(n)s event is counted that an agency lists apart from its catalogue.",
        "%(n)s events are counted that agencies list apart from their catalogues.",
        "n",
    ),
    "no-type": ngettext_lazy(
        "%(n)s event has no type.", "%(n)s events have no type.", "n"
    ),
    "no-size": ngettext_lazy(
        "%(n)s event has no size on any scale.", "%(n)s events have no size on any scale.", "n"
    ),
    "left-out": ngettext_lazy(
        "%(n)s event that is not final (automatic, not confirmed) is left out.",
        "%(n)s events that are not final (automatic, not confirmed) are left out.",
        "n",
    ),
    "in-doubt": ngettext_lazy(
        "%(n)s doubtful pair in these events waits in the review queue.",
        "%(n)s doubtful pairs in these events wait in the review queue.",
        "n",
    ),
    "not-computed": ngettext_lazy(
        "%(n)s event waits to be computed anew.", "%(n)s events wait to be computed anew.", "n"
    ),
    "unknown-ids": _("Not found, or not final: %(ids)s."),
    "empty-list": _("The list “%(title)s” has no event."),
    "open-end": _("The search has no end: events of today and later would be in the next edition."),
    "no-calendar": _("The coverage calendar is not known: declare the gaps by hand."),
}  # fmt: skip

#: Events of these are told to the editor and never enter an edition.
NOT_FINAL = ("automatic", "not-confirmed")


@dataclass(frozen=True, slots=True)
class Warning:
    """Something an editor should know before publishing: a code and its values."""

    code: str
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return str(WARNINGS[self.code] % self.values)


@dataclass(frozen=True, slots=True)
class Preview:
    """What an edition would hold if it were frozen now."""

    version: int
    digest: str
    #: Events of the counted selection, then of each list.
    events: tuple[int, ...]
    counts: dict[str, Any]
    warnings: tuple[Warning, ...]
    #: Why it cannot be published: a code of ``edition_contents.PROBLEMS``.
    refused: str = ""


def preview(edition: Edition) -> Preview:
    """Look at what a draft would hold, and keep what was seen as its digest.

    Raises
    ------
    SearchError
        If a stored search cannot be read any more.
    """
    with one_snapshot() as version:
        searches = chosen(edition)
        seen = digest(searches)
        tally = Tally()
        for row in _rows(searches[0]):
            tally.add(row)
        events = tuple(s.matching().using(ALIAS).count() for s in searches)
        warnings = tuple(_warnings(edition, searches, tally, events))
    refused = ""
    if not events[0]:
        refused = "empty"
    elif len(tally.synthetic) > 1 or _mixed_lists(searches, tally):
        refused = "mixed-synthetic"
    Edition.objects.filter(pk=edition.pk, status=Edition.Status.DRAFT).update(
        previewed="" if refused else seen
    )
    return Preview(version, seen, events, tally.counts(), warnings, refused)


def _mixed_lists(searches: Sequence[Chosen], tally: Tally) -> bool:
    """True if a list has invented events where the count has real ones, or the other way round."""
    invented = True in tally.synthetic
    return any(
        search.matching().using(ALIAS).filter(synthetic=not invented).exists()
        for search in searches[1:]
    )


def _warnings(
    edition: Edition, searches: Sequence[Chosen], tally: Tally, events: Sequence[int]
) -> Iterator[Warning]:
    main = searches[0]
    if tally.synthetic == {True}:
        yield Warning("all-synthetic")
    others = {t: n for t, n in tally.types.items() if t not in ("", "earthquake")}
    if others:
        types = ", ".join(sorted(others))
        yield Warning("not-earthquakes", {"n": sum(others.values()), "types": types})
    if tally.supplementary:
        yield Warning("supplementary", {"n": tally.supplementary})
    if tally.types.get(""):
        yield Warning("no-type", {"n": tally.types[""]})
    if tally.without_size:
        yield Warning("no-size", {"n": tally.without_size})
    ids = main.matching().using(ALIAS).values("event_id")
    told = {each.name: getattr(main, each.name) for each in fields(EventSearch)}
    not_final = EventSearch(**told | {"status": NOT_FINAL}).matching().using(ALIAS).count()
    if not_final:
        yield Warning("left-out", {"n": not_final})
    doubts = MergeDecision.objects.using(ALIAS).filter(
        kind=MergeDecision.Kind.REVIEW, undone_by=None, event__in=ids
    )
    if doubtful := doubts.count():
        yield Warning("in-doubt", {"n": doubtful})
    late = Event.objects.using(ALIAS).filter(
        pk__in=ids, evidence_version__gt=F("published_version")
    )
    if waiting := late.count():
        yield Warning("not-computed", {"n": waiting})
    if main.endtime is None and main.eventid is None:
        yield Warning("open-end")
    for told, _list, count in zip(edition.lists, searches[1:], events[1:], strict=True):
        if not count:
            yield Warning("empty-list", {"title": told["title"]})
    missing = [word for search in searches for word in _not_found(search)]
    if missing:
        yield Warning("unknown-ids", {"ids": ", ".join(missing[:20])})
    if calendar_gaps(main) is None and not edition.gaps:
        yield Warning("no-calendar")


def _not_found(search: Chosen) -> list[str]:
    """Return the ids asked for by name that are not in the answer."""
    if search.eventid is None:
        return []
    found = set(search.matching().using(ALIAS).values_list("event_id", flat=True))
    known = {word: event.pk for word, event in successors(search.eventid).items()}
    taken = set(search.without)
    return [
        short_id(word)[:20]
        for word in search.eventid
        if known.get(word) not in found and known.get(word) not in taken
    ]


def calendar_gaps(search: EventSearch) -> list[dict[str, Any]] | None:
    """Return what the coverage calendar says is missing of the selection's days.

    ``None`` where it can say nothing: the selection has no first or no last day, or no agency's
    bulletins are expected.
    """
    if search.starttime is None or search.endtime is None or not coverage.expected():
        return None
    last = (search.endtime - timedelta(microseconds=1)).date()
    return [
        {
            # Without words, so that it reads alike in all languages.
            "text": f"{gap.agency}: {gap.first_day}"
            + (f" – {gap.last_day}" if gap.last_day != gap.first_day else "")
            + (" (automatic)" if gap.state == "automatic" else ""),
            "agency": gap.agency,
            "first_day": gap.first_day.isoformat(),
            "last_day": gap.last_day.isoformat(),
            "state": gap.state,
        }
        for gap in coverage.gaps(search.starttime.date(), last)
    ]


# --- What is counted ---------------------------------------------------------------------------

_COLUMNS = (
    "event_id", "public_id", "csv_line", "fdsn_text", "time", "latitude", "longitude", "kr",
    "magnitude", "event_type", "synthetic", "felt", "has_mechanism", "agencies", "mpva",
    "catalog",
)  # fmt: skip


def _rows(search: Chosen) -> Iterator[EventRow]:
    """Return the rows of a list in the open snapshot.

    What the search itself asks (ids, a settlement) is asked before the first row: while a COPY runs
    on the connection of the work, nothing else can be.
    """
    return _each(search.queryset().using(ALIAS).only(*_COLUMNS))


def _each(rows: EventRowQuerySet) -> Iterator[EventRow]:
    stream: Any = rows.iterator(BATCH)
    with closing(stream) as found:
        yield from found


@dataclass
class Tally:
    """What is told of the counted events by number."""

    events: int = 0
    types: Counter[str] = field(default_factory=Counter)
    classes: Counter[int] = field(default_factory=Counter)
    without_size: int = 0
    #: Of the lists that agencies keep apart from their catalogues.
    supplementary: int = 0
    felt: int = 0
    mechanisms: int = 0
    synthetic: set[bool] = field(default_factory=set)
    agencies: set[str] = field(default_factory=set)
    first: str = ""
    last: str = ""

    def add(self, row: EventRow) -> None:
        """Count a row; they come in the order of time."""
        self.events += 1
        self.types[row.event_type] += 1
        if row.kr is not None:
            self.classes[kr_class(row.kr)] += 1
        elif row.magnitude is None and row.mpva is None:
            self.without_size += 1
        self.supplementary += row.catalog == rendering.supplementary_catalog()
        self.felt += row.felt
        self.mechanisms += row.has_mechanism
        self.synthetic.add(row.synthetic)
        self.agencies.update(row.agencies)
        self.last = rendering.time_text(row.time) + "Z"
        self.first = self.first or self.last

    def counts(self) -> dict[str, Any]:
        with_kr = sum(self.classes.values())
        return {
            "events": self.events,
            "types": dict(sorted(self.types.items())),
            "kr_classes": {str(k): n for k, n in sorted(self.classes.items())},
            "without_kr": self.events - with_kr,
            "felt": self.felt,
            "mechanisms": self.mechanisms,
            "first": self.first,
            "last": self.last,
        }


# --- Publishing --------------------------------------------------------------------------------


def publish(edition: Edition, *, actor: User, site: str, previewed: str) -> None:
    """Ask for a draft to be frozen as it was previewed; a worker does it.

    Parameters
    ----------
    site
        Where the portal was asked, ``https://host/``: the citation's address.
    previewed
        The digest of the preview the editor saw.

    Raises
    ------
    Refused
        It is no draft, or was not previewed.
    """
    with transaction.atomic():
        current = Edition.objects.select_for_update().get(pk=edition.pk)
        if current.status != Edition.Status.DRAFT:
            raise Refused("not-a-draft")
        if not previewed or current.previewed != previewed:
            raise Refused("not-previewed")
        current.status = Edition.Status.FREEZING
        current.problem_code, current.problem = "", {}
        current.published_by = actor
        current.site = site[:300]
        current.save()
        WorkItem.objects.request("edition", current.pk, priority=PRIORITY)


def freeze(item: WorkItem) -> None:
    """Freeze an edition in the caller's transaction; one that is frozen already stays as it is.

    Raises
    ------
    exporting.Failed
        It cannot be frozen, and trying again would not help.
    """
    edition = Edition.objects.select_for_update().get(pk=item.object_id)
    if edition.status != Edition.Status.FREEZING:
        return
    # Numbers of a series follow each other without gaps, and the last one is what is superseded.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_NUMBERING])
    previous = edition.previous
    edition.number = 1 if previous is None else (previous.number or 0) + 1
    edition.published_at = database_now()
    edition.columns = list(rendering.CSV_COLUMNS)
    edition.gaps = _gaps_of(edition)
    with one_snapshot() as version:
        edition.catalogue_version = version
        searches = chosen(edition)
        if digest(searches) != edition.previewed:
            raise exporting.Failed("changed-since-preview")
        tally, selection = Tally(), Selection()
        lists = [_store_events(edition, 0, searches[0], tally, selection)]
        for place, search in enumerate(searches[1:], 1):
            lists.append(_store_events(edition, place, search))
        flags = _flags(edition, selection, version)
        _store_files(edition, searches, flags, version)
    counts = tally.counts() | {"lists": lists[1:]}
    if previous is not None:
        counts["differences"] = _store_differences(previous, edition, version)
    _finish(edition, counts, tally)
    if previous is not None:
        Edition.objects.filter(pk=previous.pk).update(superseded_by=edition)
    logger.info(
        "edition %(name)s: %(events)d events at version %(version)d",
        {"name": edition.name, "events": tally.events, "version": version},
    )


def _gaps_of(edition: Edition) -> list[dict[str, Any]]:
    """Return the gaps its editor declares, then those of the coverage calendar."""
    told = calendar_gaps(Chosen.of(edition.search)) or []
    declared = {gap["text"] for gap in edition.gaps}
    return [*edition.gaps, *(gap for gap in told if gap["text"] not in declared)]


def _store_events(
    edition: Edition,
    place: int,
    search: Chosen,
    tally: Tally | None = None,
    selection: Selection | None = None,
) -> int:
    """Copy the events of a list into the edition; return how many."""
    number, found = 0, _rows(search)
    with (
        connection.cursor() as cursor,
        cursor.cursor.copy(
            "COPY catalog_editionevent"
            " (edition_id, list, place, event_id, public_id, csv_line, fdsn_text) FROM STDIN"
        ) as rows,
    ):
        for number, row in enumerate(found, 1):
            key = row.event_id
            rows.write_row(
                (edition.pk, place, number, key, row.public_id, row.csv_line, row.fdsn_text)
            )
            if tally is not None:
                tally.add(row)
            if selection is not None:
                time = row.time.timestamp()
                selection.add(key, time, row.latitude, row.longitude, row.kr, row.magnitude)
                selection.names.append(row.public_id)
    return number


# --- Flags -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Flags:
    """Columns that stand behind those of the wide table, and their cells by event."""

    heading: tuple[str, ...]
    cells: dict[str, str]


def _flags(edition: Edition, selection: Selection, version: int) -> Flags:
    """Run the methods an edition asks for; name each column by method and parameters."""
    heading: list[str] = []
    found: list[Declustered] = []
    for told in edition.declustering:
        run, one = declustering.part_of_edition(
            edition, selection, version, told["method"], told["parameters"]
        )
        found.append(one)
        heading += [f"role ({run})", f"cluster ({run})"]
    cells = {}
    if found:
        columns = [(one.role.tolist(), one.cluster.tolist()) for one in found]
        for place, name in enumerate(selection.names):
            parts = [
                f"{ROLES[roles[place]]},{clusters[place] or ''}" for roles, clusters in columns
            ]
            cells[name] = "," + ",".join(parts)
    return Flags(tuple(heading), cells)


def _flagged(lines: Iterable[bytes], flags: Flags) -> Generator[bytes, None, None]:
    """Yield batches of lines with their flags behind; a line begins with the event's id."""
    for batch in lines:
        out = []
        for line in batch.decode().removesuffix("\n").split("\n"):
            out.append(f"{line}{flags.cells[line.partition(',')[0]]}\n")
        yield "".join(out).encode()


# --- Files -------------------------------------------------------------------------------------


def _store_files(edition: Edition, searches: Sequence[Chosen], flags: Flags, version: int) -> None:
    """Write the files of the counted events, and a table of each list."""
    main, *lists = searches
    for kind, code, extension in FILES:
        writer = downloads.WRITERS[code]
        data: Iterable[bytes] = downloads.document(main, writer)
        if kind == "csv" and flags.heading:
            data = _csv_with_flags(main, flags)
        name = f"{edition.file_stem}.{extension}"
        _keep(edition, kind, name, data, writer.content_type, version, main)
    for place, search in enumerate(lists, 1):
        writer = downloads.WRITERS["csv"]
        name = f"{edition.file_stem}-list-{place}.csv"
        data = downloads.document(search, writer)
        _keep(edition, f"list-{place}", name, data, writer.content_type, version, search)


def _csv_with_flags(search: Chosen, flags: Flags) -> Generator[bytes, None, None]:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow((*rendering.CSV_COLUMNS, *flags.heading))
    yield out.getvalue().encode()
    with closing(downloads.WRITERS["csv"].events(search)) as batches:
        yield from _flagged(batches, flags)


def _keep(
    edition: Edition,
    kind: str,
    name: str,
    data: Iterable[bytes],
    media_type: str,
    version: int,
    search: Chosen | None,
) -> Export:
    export = exporting.keep(
        data,
        key=f"edition {edition.pk} {kind}",
        format=kind,
        search=search.to_query() if search is not None else "",
        version=version,
        file_name=name,
        media_type=media_type,
    )
    EditionFile.objects.create(edition=edition, kind=kind, name=name, export=export)
    return export


def _store_differences(old: Edition, new: Edition, version: int) -> dict[str, int]:
    """Write the table of differences to the edition before; return their numbers by kind."""
    counted: Counter[str] = Counter()

    def counting() -> Iterator[Any]:
        for one in differences(old, new):
            counted[one.kind] += 1
            yield one

    name = f"{new.file_stem}-differences-from-{old.number}.csv"
    _keep(new, "differences", name, differences_csv(counting()), _CSV, version, None)
    return {kind: counted[kind] for kind in ("added", "removed", "changed")}


def _finish(edition: Edition, counts: dict[str, Any], tally: Tally) -> None:
    """Write the checksum and the reference, and publish."""
    edition.counts = counts
    edition.synthetic = True in tally.synthetic
    edition.sha256 = hashlib.sha256(edition.checksums().encode()).hexdigest()
    own = Agency.objects.filter(is_portal=True).first()
    authors, texts = {}, {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            authors[language] = own.name if own is not None else settings.PORTAL_AGENCY_CODE
    edition.reference = {
        "agency": settings.PORTAL_AGENCY_CODE,
        "author": authors,
        "sources": sorted(tally.agencies),
        "url": f"{edition.site.rstrip('/')}/editions/{edition.series}/{edition.number}/",
    }
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            texts[language] = citation.text(reference_of(edition, language))
    edition.citation = texts
    edition.status = Edition.Status.PUBLISHED
    edition.save()


def fail(edition_id: int, code: str, values: dict[str, Any]) -> None:
    """Make an edition that cannot be frozen a draft again, with the reason."""
    Edition.objects.filter(pk=edition_id, status=Edition.Status.FREEZING).update(
        status=Edition.Status.DRAFT, problem_code=code, problem=values, previewed=""
    )


def sweep() -> None:
    """Give back editions whose freezing was given up."""
    parked = WorkItem.objects.filter(kind="edition", state=WorkItem.State.PARKED)
    freezing = Edition.objects.filter(status=Edition.Status.FREEZING)
    open_items = WorkItem.objects.filter(kind="edition", state=WorkItem.State.OPEN)
    for pk in (
        freezing.filter(pk__in=parked.values("object_id"))
        .exclude(pk__in=open_items.values("object_id"))
        .values_list("pk", flat=True)
    ):
        fail(pk, "work-parked", {})
