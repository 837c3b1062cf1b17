"""From a file received to rows: ask for a reading of it, read it into entries and problems.

*Request* opens a reading (agency, format, reader version) and its run. *Read* parses in a child
process (`reading_child`) and stores all it says, or nothing, in the caller's transaction; running
it again does the same as once. *Dry run* does all that, and the association, inside transactions
that are rolled back, so that what it foretells is what the real thing does.

Identity. A report is ``id:<agency's event id>`` or, without one, ``hash:<hash of its text>``. An
entry's content hash covers everything the reader made of it, whatever lines it stands on. An entry
equal to its report's current one is noted as seen again (``associated_at`` set, no rows of its
own): the report, its event and the decisions about it stay as they are. Of two entries with one
event id in one file, the later stands; a problem names both lines. Superseding and withdrawing
belong to the association, which makes the new entries current.
"""

from __future__ import annotations

import gc
import hashlib
import logging
import re
import sys
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Max
from django.utils import timezone

from catalog import exchange
from catalog.formats import (
    FORMATS,
    ReadOptions,
    by_code,
    detect,
    mapped_table,
    station_lists,
)
from catalog.formats.problems import Problem, Severity
from catalog.formats.records import EventRecord
from catalog.models import (
    Agency,
    BulletinEntry,
    BulletinFile,
    BulletinProblem,
    BulletinReading,
    ColumnMapping,
    MergeDecision,
    Report,
    User,
)
from processing.jobs import association, editions, hints, station_readings
from processing.jobs.reading_child import ChildFailed, parse
from processing.jobs.receiving import Refused
from processing.jobs.stations import StationResolver
from processing.models import ProcessingRun, WorkItem
from processing.reading_process import Reported, Unassociated
from processing.transactions import Overtaken

#: One batch is copied in while the next is made, so the first should not be long in coming.
BATCH_EVENTS = 100
#: Arrivals make a batch heavy, not events.
BATCH_ARRIVALS = 2_500
#: What must be asked of the database is asked for so many batches at once: to ask, the copies
#: under way are waited for. The first batch comes by itself, so that there is something to copy.
BATCHES_AT_ONCE = 3
#: Batches made and not yet copied in.
COPIES_AHEAD = 2
#: A problem a line can be a million rows; beyond this they are counted, not listed.
MAX_PROBLEMS = 20_000
#: What a dry run shows of a long file.
DRY_RUN_LINES = 500
#: How long the thread that makes rows may keep the interpreter from the one that copies them in
#: [s]. A copy needs it some twenty times, for a moment each; Python's usual 5 ms a time took an
#: eighth of the whole.
SWITCH_SECONDS = 0.0002
#: One reading of a file at a time: the first key of the transaction's advisory lock.
READING_LOCK = 0x6B7A72
#: A rehearsal's reading is never seen; numbered from here, no request waits for its number.
REHEARSAL_NUMBERS = 2_000_000_000
#: Codes of failed runs beside those of the formats.
CODES = (
    "agency-required",
    "unknown-mapping",
    "file-missing",
    "too-many-files",
    "too-many-problems",
    "replaced-by-newer-reading",
)

Progress = Callable[[int, int], None]
logger = logging.getLogger(__name__)


# --- what is it? ----------------------------------------------------------------------------------

#: Where a format says who speaks, found without parsing: the web process trusts no parser.
_AUTHORS = {
    "isf": re.compile(rb"^\d{4}/\d\d/\d\d [^\r\n]{107}(\S{1,9})", re.MULTILINE),
    "quakeml": re.compile(rb"<(?:\w+:)?agencyID>\s*([^<\s]{1,20})\s*</"),
}


@dataclass(frozen=True)
class Detected:
    """What the first bytes of a file say it is; empty where they do not."""

    format: str
    agency: str


def recognise(head: bytes, name: str) -> Detected:
    """Say the format of a file and, if it names one known agency only, the agency."""
    found = detect(head, name)
    code = found[0] if found else ""
    pattern = _AUTHORS.get(code)
    named = {m.decode("utf-8", "replace") for m in pattern.findall(head)} if pattern else set()
    known = list(
        # A NUL in its place is no agency, and no text for PostgreSQL.
        Agency.objects.filter(
            code__in=[code for code in named if code.isprintable()], is_portal=False
        ).values_list("code", flat=True)
    )
    return Detected(code, known[0] if len(named) == 1 and len(known) == 1 else "")


def choose(
    spooled_head: bytes, name: str, *, agency: str, format: str, user: User
) -> tuple[Agency, str]:
    """Settle under which agency and format a file is read: as said, else as detected.

    Raises
    ------
    Refused
        ``unknown-format``, ``station-list``, ``unknown-agency``, ``agency-required``.
    """
    detected = recognise(spooled_head, name)
    code = format or detected.format
    if not spooled_head.strip(b" \t\r\n\x1a\x00\xef\xbb\xbf"):
        raise Refused("empty-file")
    if not code and station_lists.recognise(spooled_head, name):
        raise Refused("station-list")
    if code not in {f.code for f in FORMATS}:
        expected = ", ".join(f.code for f in FORMATS)
        raise Refused("unknown-format", found=format, expected=expected)
    agency = agency or detected.agency
    if not agency:
        if user.agency is None:
            raise Refused("agency-required")
        return user.agency, code
    chosen = (
        Agency.objects.filter(code=agency, is_portal=False).first()
        if agency.isprintable()
        else None
    )
    if chosen is None:
        raise Refused("unknown-agency", found=agency[:50])
    return chosen, code


#: Civil time that bulletins of the country are written in; the offset is that of each date.
TIME_ZONES = ("UTC", "Asia/Almaty")


def said_of(format: str, time_zone: str = "UTC") -> tuple[str, ReadOptions]:
    """Return a format's code and the options of reading, as an operator names them.

    ``mapped-table:NAME`` is the newest version of that column mapping.

    Raises
    ------
    Refused
        ``unknown-mapping``, ``bad-parameter``.
    """
    if time_zone not in TIME_ZONES:
        raise Refused(
            "bad-parameter",
            field="time_zone",
            found=time_zone[:50],
            expected=", ".join(TIME_ZONES),
        )
    code, colon, name = format.partition(":")
    if code != mapped_table.CODE:
        return format, ReadOptions(time_zone=time_zone)
    mapping = (
        ColumnMapping.objects.filter(name=name).order_by("-version").first()
        if colon and name.isprintable()
        else None
    )
    if mapping is None:
        known = ColumnMapping.objects.order_by("name").values_list("name", flat=True).distinct()
        raise Refused("unknown-mapping", found=name[:50], expected=", ".join(known[:20]))
    return code, ReadOptions(time_zone=time_zone, mapping=mapping.definition)


# --- request --------------------------------------------------------------------------------------


def request_reading(
    file: BulletinFile,
    *,
    agency: Agency,
    format: str,
    requested_by: User,
    evaluation_mode: str = "manual",
    options: ReadOptions | None = None,
    edition_of: BulletinFile | None = None,
    accept_readings: bool = False,
    dry_run: bool = False,
) -> ProcessingRun:
    """Ask for a reading of a file; return the run to watch.

    A reading that exists already (waiting or current, same agency, format, reader, kind and
    options) is not doubled: its run is returned. The current reading stays current until the new
    one is read.
    """
    version = by_code(format).version
    said = told(options)
    if accept_readings:
        said[station_readings.ACCEPT_OPTION] = True
    with transaction.atomic():
        # Readings of one file are numbered and chosen one after another.
        BulletinFile.objects.select_for_update(no_key=True).get(pk=file.pk)
        if edition_of is None:
            # A file once said to be a later edition stays one when it is sent or read again.
            before = file.readings.filter(is_current=True, agency=agency).first()
            edition_of = before.edition_of if before is not None else None
        if dry_run:
            run = ProcessingRun.objects.create(
                kind=ProcessingRun.Kind.DRY_RUN,
                actor=requested_by,
                code_version=version,
                parameters={
                    "file": file.pk,
                    "name": file.name,
                    "agency": agency.code,
                    "format": format,
                    "evaluation_mode": evaluation_mode,
                    "options": said,
                    "edition_of": edition_of.pk if edition_of else None,
                },
            )
            WorkItem.objects.request("dry-run", run.pk, run=run, priority=6)
            return run
        same = existing_run(file, agency, format, evaluation_mode, said, edition_of)
        if same is not None:
            return same
        last = file.readings.aggregate(last=Max("number"))["last"] or 0
        reading = BulletinReading.objects.create(
            file=file,
            number=last + 1,
            agency=agency,
            format=format,
            reader_version=version,
            evaluation_mode=evaluation_mode,
            options=said,
            edition_of=edition_of,
            requested_by=requested_by,
        )
        run = ProcessingRun.objects.create(
            kind=ProcessingRun.Kind.INGEST,
            reading=reading,
            actor=requested_by,
            code_version=version,
            parameters={"file": file.pk, "name": file.name},
        )
        WorkItem.objects.request("read", run.pk, run=run, priority=priority_of(file.size))
    return run


def told(options: ReadOptions | None) -> dict[str, Any]:
    """Return the options that differ from the usual, as a reading keeps them."""
    usual = asdict(ReadOptions())
    given = asdict(options) if options is not None else usual
    return {name: value for name, value in given.items() if value != usual[name]}


def read_options(said: Mapping[str, Any]) -> ReadOptions:
    """Return what a reading's options tell the reader; others are for what follows."""
    known = asdict(ReadOptions())
    return ReadOptions(**{name: value for name, value in said.items() if name in known})


@dataclass(frozen=True)
class Asked:
    """How a run was asked to read its file."""

    file: BulletinFile
    agency: Agency
    format: str
    evaluation_mode: str
    options: dict[str, Any]
    edition_of: BulletinFile | None


def asked_of(run: ProcessingRun) -> Asked | None:
    """Return how a run was asked to read its file, in earnest or dry; ``None`` if it reads none."""
    reading = run.reading
    if reading is not None:
        return Asked(
            reading.file,
            reading.agency,
            reading.format,
            reading.evaluation_mode,
            reading.options,
            reading.edition_of,
        )
    said = run.parameters
    file = BulletinFile.objects.filter(pk=said.get("file")).first()
    agency = Agency.objects.filter(code=said.get("agency", "")).first()
    if file is None or agency is None:
        return None
    return Asked(
        file,
        agency,
        said["format"],
        said["evaluation_mode"],
        said.get("options", {}),
        BulletinFile.objects.filter(pk=said.get("edition_of")).first(),
    )


def existing_run(
    file: BulletinFile,
    agency: Agency,
    format: str,
    evaluation_mode: str,
    options: dict[str, Any],
    edition_of: BulletinFile | None,
) -> ProcessingRun | None:
    """Return the run of a waiting or current reading of just this kind, if there is one."""
    reading = (
        file.readings.filter(
            agency=agency,
            format=format,
            reader_version=by_code(format).version,
            evaluation_mode=evaluation_mode,
            options=options,
            edition_of=edition_of,
            status__in=[BulletinReading.Status.PENDING, BulletinReading.Status.READ],
        )
        .order_by("-number")
        .first()
    )
    return reading.runs.order_by("-pk").first() if reading is not None else None


def priority_of(size: int) -> int:
    """A duty bulletin goes before an archive."""
    return 3 if size < 256 * 1024 else 5 if size < 8 * 1024 * 1024 else 7


# --- read -----------------------------------------------------------------------------------------


@dataclass
class Counts:
    """What a reading brought."""

    entries: int = 0
    unchanged: int = 0
    problems: int = 0
    picks: int = 0
    readings: int = 0  # picks that belong to no event


def read(run: ProcessingRun, progress: Progress) -> Counts:
    """Store what the run's reading says: entries, their parts, problems; all of it or nothing.

    Call in a transaction. A file that cannot be read ends the run with the reason and leaves the
    file's current reading as it was.
    """
    reading = run.reading
    if reading is None:
        raise ValueError(f"{run} has no reading")
    with transaction.atomic():
        # Not the file's row: who sends the same bytes meanwhile must not wait for minutes.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [READING_LOCK, reading.file_id])
        reading.refresh_from_db()
        if reading.status != BulletinReading.Status.PENDING:
            # Read before: the same again would be no more.
            logger.info("reading %d is %s already", reading.pk, reading.status)
            return Counts(reading.entry_count, 0, reading.problem_count)
        newer = reading.file.readings.filter(number__gt=reading.number, is_current=True)
        if newer.exists():
            reading.status = BulletinReading.Status.REPLACED
            reading.save(update_fields=["status"])
            run.fail("replaced-by-newer-reading")
            return Counts()
        try:
            with transaction.atomic():
                counts = store(reading, progress)
                make_current(reading, counts)
        except ChildFailed as failure:
            problem = failure.problem
            save_problems(reading, [(None, problem)], [])
            reading.status = BulletinReading.Status.FAILED
            reading.read_at = timezone.now()
            reading.problem_count = 1
            reading.save(update_fields=["status", "read_at", "problem_count"])
            run.count(entries=0, problems=1)
            run.fail(problem.code, **problem_values(problem))
            logger.info("reading %d failed: %s", reading.pk, problem.code)
            return Counts(problems=1)
        run.count(
            entries=counts.entries,
            unchanged=counts.unchanged,
            problems=counts.problems,
            readings=counts.readings,
        )
        run.parameters = {**run.parameters, "hints": hints.hints_of(reading)}
        run.save(update_fields=["parameters"])
    logger.info("reading %d: %s", reading.pk, counts)
    return counts


def problem_values(problem: Problem) -> dict[str, Any]:
    return {
        "line": problem.line_number,
        "field": problem.field,
        "found": problem.found,
        "expected": problem.expected,
    }


def make_current(reading: BulletinReading, counts: Counts) -> None:
    """Let this reading stand for its file from now on."""
    reading.file.readings.filter(is_current=True).exclude(pk=reading.pk).update(
        is_current=False, status=BulletinReading.Status.REPLACED
    )
    if reading.edition_of_id is not None:
        BulletinReading.objects.filter(file=reading.edition_of_id, is_current=True).update(
            is_current=False, status=BulletinReading.Status.REPLACED
        )
    reading.is_current = True
    reading.status = BulletinReading.Status.READ
    reading.read_at = timezone.now()
    reading.entry_count = counts.entries
    reading.problem_count = counts.problems
    reading.save(update_fields=["is_current", "status", "read_at", "entry_count", "problem_count"])


@dataclass
class _Storing:
    """A reading while its events come in."""

    reading: BulletinReading
    copying: Copying
    resolve: StationResolver = field(default_factory=StationResolver)
    #: Entry it is about, if known; problem; how many entries came before it from the reader.
    problems: list[tuple[int | None, Problem, int]] = field(default_factory=list)
    spans: list[tuple[int, int, int]] = field(default_factory=list)  # first, last line, entry
    seen: dict[str, int] = field(default_factory=dict)  # agency's event id -> first line
    #: Reports whose current entry says just what this reading says: report -> that entry.
    unchanged: dict[int, int | None] = field(default_factory=dict)
    twice: set[int] = field(default_factory=set)  # first lines of entries with an id seen before
    #: Of a later edition: key of a row -> the earlier report it continues.
    continued: dict[str, int] = field(default_factory=dict)
    uncounted: int = 0
    counts: Counts = field(default_factory=Counts)

    def report(self, entry: int | None, problem: Problem, before: int = -1) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append((entry, problem, before))
        else:
            self.uncounted += 1

    def told_of(self, problem: Problem, before: int) -> int | None:
        """Return the entry that followed a problem, if the problem stands in its lines.

        A reader tells an event's problems just before it; lines alone do not tell where events
        share parts, as in SCML.
        """
        line = problem.line_number
        if line is None or not 0 <= before < len(self.spans):
            return None
        first, last, entry = self.spans[before]
        return entry if first <= line <= last else None


class Copying:
    """Copies batches in on a thread while the next are made.

    PostgreSQL takes about as long for a batch as Python does. They share one connection, so
    whatever else is asked of it waits until the copies under way are done.
    """

    def __init__(self, thread: Executor) -> None:
        self._thread = thread
        self._under_way: deque[Future[None]] = deque()

    def follow(self, blocks: list[exchange.Block]) -> None:
        """Let these rows go in next; wait while too many are ahead of them."""
        self._wait(COPIES_AHEAD - 1)
        line = connection.connection
        self._under_way.append(self._thread.submit(exchange.copy_over, line, blocks))

    def wait(self) -> None:
        """Wait for the copies under way; what went wrong with one is raised here."""
        self._wait(0)

    def _wait(self, left: int) -> None:
        with connection.wrap_database_errors:
            while len(self._under_way) > left:
                self._under_way.popleft().result()

    def asked(self, execute: Callable[..., Any], *question: Any) -> Any:
        self.wait()
        return execute(*question)


@contextmanager
def copying() -> Iterator[Copying]:
    """Copy batches in beside making them, each with its references checked at once.

    Left to the commit, the checks would take as long again while nothing else is to be done. And
    Python looks for no garbage meanwhile: records and rows hang together as trees, none is left
    behind, and walking through all of them again and again took a quarter of its time.
    """
    collects, switch_seconds = gc.isenabled(), sys.getswitchinterval()
    gc.disable()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        with ThreadPoolExecutor(1, "copying") as thread, connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            batches = Copying(thread)
            with connection.execute_wrapper(batches.asked):
                yield batches
                batches.wait()
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    finally:
        sys.setswitchinterval(switch_seconds)
        if collects:
            gc.enable()


def store(reading: BulletinReading, progress: Progress) -> Counts:
    """Parse the reading's file and copy everything into rows."""
    with copying() as batches:
        return _store(reading, progress, batches)


def _store(reading: BulletinReading, progress: Progress, batches: Copying) -> Counts:
    options = read_options(reading.options)
    state = _Storing(reading, batches)
    if reading.edition_of_id is not None:
        rows = parse(reading.file, reading.format, options)
        state.continued = editions.continuations(
            reading,
            ((report_key(row.record), row.record) for row in rows if isinstance(row, Reported)),
        )
    batch: list[Reported] = []
    arrivals = 0
    batches_at_once = 1
    size = reading.file.size
    progress(0, size)
    for item in parse(reading.file, reading.format, options):
        if isinstance(item, Problem):
            state.report(None, item, state.counts.entries + len(batch))
            continue
        if isinstance(item, Unassociated):
            batches.wait()
            for problem in exchange.save_readings(reading, item.record, state.resolve):
                state.report(None, problem)
            state.counts.readings += len(item.record.picks)
            progress(min(item.position, size), size)
            continue
        batch.append(item)
        arrivals += len(item.record.picks)
        if (
            len(batch) >= BATCH_EVENTS * batches_at_once
            or arrivals >= BATCH_ARRIVALS * batches_at_once
        ):
            _store_batches(state, batch)
            progress(min(item.position, size), size)
            batch, arrivals, batches_at_once = [], 0, BATCHES_AT_ONCE
    _store_batches(state, batch)
    failure = next((p for _, p, _ in state.problems if p.severity == Severity.ERROR), None)
    if state.counts.entries == 0 and state.counts.readings == 0 and failure is not None:
        raise ChildFailed(failure)
    # The reader says that an id comes twice; here both places are known.
    problems = [
        (entry or state.told_of(problem, before), problem)
        for entry, problem, before in state.problems
        if not (
            problem.code == "duplicate-event-id"
            and entry is None
            and problem.line_number in state.twice
        )
    ]
    if state.uncounted:
        found = str(len(problems) + state.uncounted)
        problems.append((None, Problem(None, "too-many-problems", "", found, f"<= {MAX_PROBLEMS}")))
    batches.wait()
    save_problems(reading, problems, state.spans)
    state.counts.problems = len(problems)
    _hold_unchanged(state)
    progress(size, size)
    return state.counts


def report_key(record: EventRecord) -> str:
    """Return the identity of an agency's word on an event."""
    if record.event_id:
        key = f"id:{exchange.text_of(record.event_id)}"
        if len(key) <= 200:
            return key
        return "id#" + hashlib.sha256(key.encode()).hexdigest()
    return "hash:" + hashlib.sha256(record.text.encode("utf-8", "replace")).hexdigest()


def _store_batches(state: _Storing, batch: Sequence[Reported]) -> None:
    """Ask what the database must say of these events, then make and copy in batch by batch."""
    if not batch:
        return
    reading = state.reading
    keys = [report_key(item.record) for item in batch]
    reports = _reports(reading.agency_id, keys, state.continued)
    entries: list[BulletinEntry] = []
    fresh: list[tuple[BulletinEntry, EventRecord]] = []
    found: list[tuple[BulletinEntry | None, Problem]] = []
    now = timezone.now()
    for item, key in zip(batch, keys, strict=True):
        record = item.record
        report = reports[key]
        state.counts.entries += 1
        entry, problems = exchange.entry_from_record(
            record,
            reading_id=reading.pk,
            ordinal=state.counts.entries,
            report_id=report.pk,
            content_hash=item.content_hash,
        )
        entry.reading = reading
        found += [(entry, problem) for problem in problems]
        earlier = state.seen.get(key)
        if earlier is not None:
            state.twice.add(record.first_line)
            found.append(
                (
                    entry,
                    Problem(
                        record.first_line,
                        "duplicate-event-id",
                        "event id",
                        record.event_id or "",
                        f"line {earlier}",
                    ),
                )
            )
        if earlier is None and is_unchanged(report, item.content_hash, reading):
            entry.associated_at = now
            state.counts.unchanged += 1
            state.unchanged[report.pk] = report.current_entry_id
        else:
            fresh.append((entry, record))
            state.counts.picks += len(record.picks)
        state.seen[key] = record.first_line
        entries.append(entry)
    exchange.give_keys(entries)
    draft = exchange.Draft(fresh)
    for about, problem in found:
        state.report(about.pk if about else None, problem)
    state.copying.follow([exchange.block_of_entries(entries)])
    for part in _parts(fresh):
        blocks, misfits = draft.blocks(part, state.resolve)
        for entry, misfit in misfits:
            state.report(entry.pk, misfit)
        state.copying.follow(blocks)
    state.spans += [(e.first_line, e.last_line, e.pk) for e in entries]


def _parts(
    pairs: Sequence[tuple[BulletinEntry, EventRecord]],
) -> Iterator[Sequence[tuple[BulletinEntry, EventRecord]]]:
    """Cut events into batches of rows."""
    begin = arrivals = 0
    for end, (_, record) in enumerate(pairs, start=1):
        arrivals += len(record.picks)
        if end - begin >= BATCH_EVENTS or arrivals >= BATCH_ARRIVALS or end == len(pairs):
            yield pairs[begin:end]
            begin, arrivals = end, 0


def _hold_unchanged(state: _Storing) -> None:
    """Make sure, until the commit, that what was left without rows still stands elsewhere.

    Another word of the same report may have come to stand since the look; then this reading is
    read again and keeps its own rows.
    """
    still = (
        Report.objects.select_for_update(no_key=True)
        .filter(pk__in=state.unchanged)
        .order_by("pk")
        .values_list("pk", "current_entry_id")
    )
    if dict(still) != state.unchanged:
        raise Overtaken(f"reading {state.reading.pk}: a report came to stand meanwhile")


def is_unchanged(report: Report, content_hash: str, reading: BulletinReading) -> bool:
    """True if the report's current entry says just this, in a bulletin of the same kind."""
    current = report.current_entry
    return (
        current is not None
        and report.withdrawn_at is None
        and current.content_hash == content_hash
        and current.reading.evaluation_mode == reading.evaluation_mode
    )


#: One look into the index a key. Of a list of keys PostgreSQL would rather walk through all reports
#: of the agency while its statistics know none: a long first list never came to an end.
_KNOWN_REPORTS = """
    SELECT found.id
    FROM unnest(%s::text[]) AS wanted (key)
    CROSS JOIN LATERAL (
        SELECT r.id FROM catalog_report r WHERE r.agency_id = %s AND r.key = wanted.key OFFSET 0
    ) found
"""


def _reports(agency_id: int, keys: Sequence[str], continued: dict[str, int]) -> dict[str, Report]:
    """Return the reports of these keys, made where they are new and continue no earlier one."""
    again = {key: continued[key] for key in keys if key in continued}
    earlier = Report.objects.select_related("current_entry__reading").in_bulk(again.values())
    keys = [key for key in keys if key not in again]

    def known() -> dict[str, Report]:
        with connection.cursor() as cursor:
            cursor.execute(_KNOWN_REPORTS, [sorted(set(keys)), agency_id])
            ids = [row[0] for row in cursor.fetchall()]
        reports = Report.objects.select_related("current_entry__reading").in_bulk(ids)
        return {report.key: report for report in reports.values()}

    found = known()
    missing = sorted(set(keys) - found.keys())
    if missing:
        Report.objects.bulk_create(
            [Report(agency_id=agency_id, key=key) for key in missing], ignore_conflicts=True
        )
        found = known()
    return {**found, **{key: earlier[pk] for key, pk in again.items()}}


def save_problems(
    reading: BulletinReading,
    problems: Sequence[tuple[int | None, Problem]],
    spans: Sequence[tuple[int, int, int]],
) -> None:
    """Store problems, each with the entry in whose lines it stands."""
    spans = sorted(spans)
    starts = [span[0] for span in spans]
    rows = []
    for entry, problem in problems:
        line = problem.line_number
        if entry is None and line is not None and spans:
            place = bisect_right(starts, line) - 1
            if place >= 0 and line <= spans[place][1]:
                entry = spans[place][2]
        rows.append(
            {
                "reading_id": reading.pk,
                "entry_id": entry,
                "line_number": line,
                "code": problem.code[:40],
                "field": exchange.text_of(problem.field)[:100],
                "found": exchange.text_of(problem.found)[:200],
                "expected": exchange.text_of(problem.expected)[:200],
                "severity": str(problem.severity.value),
            }
        )
    exchange.insert(BulletinProblem, rows)


# --- dry run --------------------------------------------------------------------------------------


def dry_run(run: ProcessingRun, progress: Progress) -> None:
    """Foretell what a file would do; store nothing but the answer.

    Reading and association really happen, inside transactions that are rolled back. Each batch of
    the association is rolled back by itself, so that its lock is held as briefly as in earnest;
    where a dense sequence is cut between two batches, the second does not see the first.
    """
    asked = asked_of(run)
    if asked is None:  # the agency was renamed meanwhile
        run.fail("file-missing")
        return
    counts: dict[str, int] = {}
    answer: dict[str, Any] = {"entries": [], "problems": []}
    suggested: list[dict[str, Any]] = []
    failure: Problem | None = None
    with transaction.atomic():
        reading = BulletinReading.objects.create(
            file=asked.file,
            number=REHEARSAL_NUMBERS + run.pk % 100_000_000,
            agency=asked.agency,
            format=asked.format,
            reader_version=by_code(asked.format).version,
            evaluation_mode=asked.evaluation_mode,
            options=asked.options,
            edition_of=asked.edition_of,
            requested_by=run.actor or asked.file.uploader,
        )
        rehearsal = ProcessingRun.objects.create(
            kind=run.kind, reading=reading, actor=run.actor, parameters={"rehearsal of": run.pk}
        )
        try:
            stored = store(reading, progress)
        except ChildFailed as error:
            failure = error.problem
        else:
            make_current(reading, stored)
            suggested = hints.hints_of(reading)
            answer = _foretell(rehearsal, reading)
            counts = {
                **rehearsal.counts,
                "entries": stored.entries,
                "unchanged": stored.unchanged,
                "problems": stored.problems,
                "readings": stored.readings,
            }
        transaction.set_rollback(True)
    run.counts = counts
    run.parameters = {**run.parameters, "answer": answer, "hints": suggested}
    run.save(update_fields=["counts", "parameters"])
    if failure is not None:
        run.fail(failure.code, **problem_values(failure))
    else:
        run.succeed()


def _foretell(rehearsal: ProcessingRun, reading: BulletinReading) -> dict[str, Any]:
    """Associate the reading's entries and say what became of each."""
    fates: dict[int, dict[str, Any]] = {}
    known_decision = MergeDecision.objects.aggregate(last=Max("pk"))["last"] or 0
    for batch in association.batches(rehearsal):
        point = transaction.savepoint()
        association.associate(rehearsal, batch)
        opened: set[int] = set()
        decisions = MergeDecision.objects.filter(pk__gt=known_decision).order_by("pk")
        for decision in decisions.select_related("event", "report"):
            if decision.report_id is None:
                continue
            fate = fates.setdefault(decision.report_id, {"decisions": [], "event": ""})
            fate["decisions"].append(decision.kind)
            if decision.kind == MergeDecision.Kind.NEW_EVENT and decision.event_id is not None:
                opened.add(decision.event_id)
            elif decision.event is not None and decision.event_id not in opened:
                fate["event"] = decision.event.public_id
        transaction.savepoint_rollback(point)
    withdrawn = Report.objects.filter(
        current_entry__reading__file__in=[reading.file_id, reading.edition_of_id],
        current_entry__reading__is_current=False,
    ).exclude(entries__reading=reading)
    entries = []
    for entry in reading.entries.order_by("ordinal")[:DRY_RUN_LINES]:
        fate = fates.get(entry.report_id, {"decisions": [], "event": ""})
        entries.append(
            {
                "line": entry.first_line,
                "event_id": entry.event_id_reported,
                "unchanged": entry.associated_at is not None,
                **fate,
            }
        )
    problems = reading.problems.order_by(F("line_number").asc(nulls_first=True), "pk")
    return {
        "entries": entries,
        "withdrawn": withdrawn.count(),
        "problems": [
            {
                "line": p.line_number,
                "code": p.code,
                "field": p.field,
                "found": p.found,
                "expected": p.expected,
                "severity": p.severity,
            }
            for p in problems[:DRY_RUN_LINES]
        ],
    }
