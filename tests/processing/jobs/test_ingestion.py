"""Bytes become rows once: whoever sends them, how often they are read, and whatever dies."""

from __future__ import annotations

import gc
import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from catalog import exchange
from catalog.formats.problems import Problem
from catalog.formats.records import (
    ArrivalRecord,
    EventRecord,
    MagnitudeRecord,
    OriginRecord,
    PickRecord,
    StationReference,
)
from catalog.models import (
    Agency,
    BulletinChunk,
    BulletinEntry,
    BulletinFile,
    BulletinReading,
    Event,
    Origin,
    Pick,
    Report,
    User,
)
from processing import reading_process
from processing.jobs import ingestion, reading_child, receiving
from processing.models import ProcessingRun, WorkItem
from processing.transactions import Overtaken

GOLDEN = Path(__file__).parents[2] / "golden"
BULLETIN = (GOLDEN / "synthetic_bulletin.isf").read_bytes()


@pytest.fixture
def operator(db: None) -> User:
    return User.objects.create(username="operator")


@pytest.fixture
def agency(db: None) -> Agency:
    return Agency.objects.create(code="AGA")


def receive(data: bytes, operator: User, name: str = "a.isf") -> BulletinFile:
    file, _ = receiving.receive(name, [data], operator)
    return file


def quiet(done: int, total: int) -> None:
    assert 0 <= done <= total


def request(file: BulletinFile, agency: Agency, **values: Any) -> ProcessingRun:
    values = {"format": "isf", "requested_by": file.uploader, **values}
    return ingestion.request_reading(file, agency=agency, **values)


def read(run: ProcessingRun) -> BulletinReading:
    with transaction.atomic():
        ingestion.read(run, quiet)
    assert run.reading is not None
    return BulletinReading.objects.get(pk=run.reading.pk)


def take(data: bytes, agency: Agency, operator: User, name: str = "a.isf") -> BulletinReading:
    """Receive, read, and make the entries current as association does."""
    reading = read(request(receive(data, operator, name), agency))
    for entry in reading.entries.filter(associated_at=None):
        Report.objects.filter(pk=entry.report_id).update(current_entry=entry)
        BulletinEntry.objects.filter(pk=entry.pk).update(associated_at=timezone.now())
    return reading


def test_a_file_is_kept_byte_for_byte_in_chunks(operator: User) -> None:
    data = bytes(range(256)) * 10_000
    file, created = receiving.receive(
        "../../etc/passwd\n.isf", (data[i : i + 777] for i in range(0, len(data), 777)), operator
    )
    assert created
    assert b"".join(file.iter_bytes()) == data
    assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert BulletinChunk.objects.count() == 3
    assert file.name == "passwd.isf"


def test_the_same_bytes_are_one_file(operator: User) -> None:
    first, created = receiving.receive("a.isf", [b"abc"], operator)
    second, again = receiving.receive("b.isf", [b"ab", b"c"], operator)
    assert (first, created, again) == (second, True, False)
    assert second.name == "a.isf"


def test_too_large_a_file_is_refused_while_it_comes_in(operator: User, settings: Any) -> None:
    settings.UPLOAD_MAX_BYTES = 1000
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 100
            yield b"x" * 100

    with pytest.raises(receiving.Refused) as refused:
        receiving.receive("a.isf", endless(), operator)
    assert refused.value.code == "file-too-large"
    assert taken == 1100
    assert BulletinFile.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_the_same_bytes_at_the_same_moment_are_one_file() -> None:
    operator = User.objects.create(username="operator")
    start = threading.Barrier(4)
    results: list[tuple[int, bool]] = []

    def send() -> None:
        start.wait()
        file, created = receiving.receive("a.isf", [b"same" * 100_000], operator)
        results.append((file.pk, created))
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({pk for pk, _ in results}) == 1
    assert sorted(created for _, created in results) == [False, False, False, True]
    assert BulletinChunk.objects.count() == 1


@pytest.mark.django_db(transaction=True, databases=["default", "progress"])
@pytest.mark.parametrize("dry", [False, True])
def test_who_sends_a_file_again_while_it_is_read_need_not_wait(
    dry: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator = User.objects.create(username="operator")
    agency = Agency.objects.create(code="AGA")
    file = receive(BULLETIN, operator)
    run = request(file, agency, dry_run=dry)
    answers: list[Any] = []

    def ask() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET statement_timeout = '2s'")  # as the web server's role
            answers.append(request(file, agency).pk)
            answers.append(request(file, agency, format="quakeml").reading.number)
        except Exception as error:
            answers.append(error)
        finally:
            connection.close()

    parse = reading_child.parse

    def parse_while_asked(*given: Any) -> Iterator[Any]:
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        yield from parse(*given)

    monkeypatch.setattr(ingestion, "parse", parse_while_asked)
    with transaction.atomic():
        (ingestion.dry_run if dry else ingestion.read)(run, quiet)
    assert answers == ([run.pk + 2, 2] if dry else [run.pk, 2])


def test_a_nul_where_an_author_stands_is_no_agency(agency: Agency) -> None:
    head = BULLETIN.replace(b"KNDC", b"K\x00DC")
    assert head != BULLETIN
    assert ingestion.recognise(head, "a.isf").agency == ""


def test_an_agency_nobody_can_be_called_is_unknown(operator: User, agency: Agency) -> None:
    with pytest.raises(receiving.Refused) as refused:
        ingestion.choose(BULLETIN, "a.isf", agency="A\x00", format="isf", user=operator)
    assert refused.value.code == "unknown-agency"


def test_a_request_makes_one_reading_one_run_and_work(operator: User, agency: Agency) -> None:
    file = receive(BULLETIN, operator)
    run = request(file, agency)
    assert request(file, agency) == run
    assert WorkItem.objects.get().object_id == run.pk
    assert run.reading is not None
    assert (run.reading.number, run.reading.is_current) == (1, False)


def test_what_a_bulletin_says_becomes_rows(operator: User, agency: Agency) -> None:
    run = request(receive(BULLETIN, operator), agency, evaluation_mode="automatic")
    reading = read(run)
    assert (reading.status, reading.is_current) == ("read", True)
    assert reading.evaluation_mode == "automatic"
    assert reading.entry_count == reading.entries.count() > 0
    assert reading.problem_count == reading.problems.count()
    run.refresh_from_db()
    assert run.counts["entries"] == reading.entry_count
    origin = Origin.objects.first()
    assert origin is not None
    assert (origin.event, origin.superseded_at) == (None, None)
    entry = reading.entries.first()
    assert entry is not None
    text = BULLETIN.decode().splitlines()
    assert entry.text.splitlines()[0] == text[entry.first_line - 1]


def test_reading_twice_does_the_same_as_once(operator: User, agency: Agency) -> None:
    run = request(receive(BULLETIN, operator), agency)
    read(run)
    before = (BulletinEntry.objects.count(), Origin.objects.count(), Pick.objects.count())
    read(run)
    after = (BulletinEntry.objects.count(), Origin.objects.count(), Pick.objects.count())
    assert before == after


def test_a_reading_that_breaks_off_leaves_nothing_and_can_be_done_again(
    operator: User, agency: Agency
) -> None:
    run = request(receive(BULLETIN, operator), agency)

    class Killed(BaseException):
        pass

    def die(done: int, total: int) -> None:
        if done == total:
            raise Killed

    with pytest.raises(Killed), transaction.atomic():
        ingestion.read(run, die)
    assert (BulletinEntry.objects.count(), Pick.objects.count()) == (0, 0)
    assert read(run).entries.count() > 0


def test_an_unchanged_entry_keeps_its_report_and_brings_no_rows(
    operator: User, agency: Agency
) -> None:
    take(BULLETIN, agency, operator)
    reports, origins = Report.objects.count(), Origin.objects.count()
    current = set(Report.objects.values_list("current_entry", flat=True))
    # The agency's next file begins with one line more: every event has moved, none has changed.
    later = BULLETIN.replace(b"\n", b"\n\n", 1)
    reading = take(later, agency, operator, "b.isf")
    assert reading.entries.count() == reports
    assert (Report.objects.count(), Origin.objects.count()) == (reports, origins)
    assert set(Report.objects.values_list("current_entry", flat=True)) == current
    run = reading.runs.get()
    assert run.counts["unchanged"] == reports


def test_a_reading_overtaken_by_another_word_is_read_again(
    operator: User, agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at what stands and the commit another file comes to stand."""
    take(BULLETIN, agency, operator)
    entry = BulletinEntry.objects.order_by("ordinal").first()
    assert entry is not None
    other = take(BULLETIN.replace(b"Event ", b"Event  ", 1), agency, operator, "b.isf")
    newer = other.entries.order_by("ordinal").first()
    run = request(receive(BULLETIN + b"\n", operator, "c.isf"), agency)
    looked = ingestion.is_unchanged

    def overtake(report: Report, content_hash: str, reading: BulletinReading) -> bool:
        unchanged = looked(report, content_hash, reading)
        Report.objects.filter(pk=entry.report_id).update(current_entry=newer)
        return unchanged

    Report.objects.filter(pk=entry.report_id).update(current_entry=entry)
    monkeypatch.setattr(ingestion, "is_unchanged", overtake)
    with pytest.raises(Overtaken), transaction.atomic():
        ingestion.read(run, quiet)
    assert not BulletinEntry.objects.filter(reading=run.reading).exists()


def test_an_automatic_bulletin_repeated_as_manual_is_a_change(
    operator: User, agency: Agency
) -> None:
    take(BULLETIN, agency, operator)
    origins = Origin.objects.count()
    run = request(BulletinFile.objects.get(), agency, evaluation_mode="automatic")
    read(run)
    assert Origin.objects.count() == 2 * origins


def test_of_two_events_with_one_id_the_problem_names_both_lines(
    operator: User, agency: Agency
) -> None:
    data = (GOLDEN / "synthetic_same_id.isf").read_bytes()
    reading = read(request(receive(data, operator), agency))
    first, second = reading.entries.order_by("ordinal")
    assert first.report == second.report
    [problem] = reading.problems.filter(code="duplicate-event-id")
    assert problem.line_number == second.first_line
    assert problem.expected == f"line {first.first_line}"
    assert problem.entry == second


def test_a_file_under_the_wrong_agency_is_read_again_under_the_right_one(
    operator: User, agency: Agency
) -> None:
    file = receive(BULLETIN, operator)
    wrong = read(request(file, Agency.objects.create(code="WRONG")))
    right = read(request(file, agency))
    wrong.refresh_from_db()
    assert (wrong.status, wrong.is_current) == ("replaced", False)
    assert (right.number, right.is_current) == (2, True)
    assert Report.objects.filter(agency=agency).count() == right.entry_count


def test_an_older_reading_does_not_replace_a_newer_one(operator: User, agency: Agency) -> None:
    file = receive(BULLETIN, operator)
    older = request(file, Agency.objects.create(code="WRONG"))
    newer = request(file, agency)
    read(newer)
    assert read(older).status == "replaced"
    older.refresh_from_db()
    assert (older.status, older.reason_code) == ("failed", "replaced-by-newer-reading")
    assert BulletinReading.objects.get(is_current=True) == newer.reading


def test_a_file_that_cannot_be_read_ends_the_run_and_keeps_what_stood(
    operator: User, agency: Agency
) -> None:
    file = receive(BULLETIN, operator)
    good = read(request(file, agency))
    run = request(file, agency, format="quakeml")
    failed = read(run)
    good.refresh_from_db()
    run.refresh_from_db()
    assert (failed.status, failed.is_current, good.is_current) == ("failed", False, True)
    assert run.status == "failed"
    assert run.reason_code == failed.problems.get().code
    assert failed.entries.count() == 0


def test_a_reader_that_never_ends_is_stopped(operator: User, agency: Agency, settings: Any) -> None:
    settings.READ_MAX_SECONDS = 0
    run = request(receive(BULLETIN, operator), agency)
    read(run)
    run.refresh_from_db()
    assert run.reason_code == "time-limit"


def test_a_reader_that_wants_too_much_memory_is_stopped(
    operator: User, agency: Agency, settings: Any
) -> None:
    settings.READ_MAX_MEMORY_MB = 48
    # One event with twenty megabytes of comments.
    huge = BULLETIN.replace(
        b"STOP", b" (" + b"x" * 98 + b")\n" + (b" (" + b"y" * 98 + b")\n") * 200_000
    )
    run = request(receive(huge, operator), agency)
    read(run)
    run.refresh_from_db()
    assert run.reason_code in ("memory-limit", "reader-crashed")
    assert BulletinEntry.objects.count() == 0


def test_the_child_knows_no_secret() -> None:
    assert (
        not {"SECRET_KEY", "DATABASE_URL", "REDIS_URL"} & reading_child.child_environment().keys()
    )


def test_a_dry_run_stores_nothing_but_its_answer(operator: User, agency: Agency) -> None:
    file = receive(BULLETIN, operator)
    run = request(file, agency, dry_run=True)
    ingestion.dry_run(run, quiet)
    run.refresh_from_db()
    assert run.status == "succeeded"
    assert run.counts["entries"] == len(run.parameters["answer"]["entries"]) > 0
    assert {tuple(e["decisions"]) for e in run.parameters["answer"]["entries"]} == {("new-event",)}
    for model in (BulletinReading, BulletinEntry, Report, Event, Origin):
        assert model._default_manager.count() == 0


def test_a_dry_run_of_what_cannot_be_read_says_why(operator: User, agency: Agency) -> None:
    run = request(receive(BULLETIN, operator), agency, format="quakeml", dry_run=True)
    ingestion.dry_run(run, quiet)
    run.refresh_from_db()
    assert run.status == "failed"
    assert run.reason_code
    assert BulletinReading.objects.count() == 0


# --- copying --------------------------------------------------------------------------------------


def report_block(agency_id: int, key: str) -> exchange.Block:
    return exchange.Block(
        "COPY catalog_report (id, agency_id, key, created_at) FROM STDIN",
        f"{Report.objects.count() + 1_000_000}\t{agency_id}\t{key}\t{timezone.now()}\n",
    )


def test_what_is_asked_during_a_copy_waits_for_it(agency: Agency) -> None:
    with transaction.atomic(), ingestion.copying() as batches:
        batches.follow([report_block(agency.pk, "id:1")])
        assert Report.objects.filter(key="id:1").exists()
        batches.follow([report_block(agency.pk, "id:2")])
    assert Report.objects.count() == 2
    assert gc.isenabled()


def test_what_fails_while_copying_is_raised_where_the_reading_is(agency: Agency) -> None:
    with pytest.raises(IntegrityError), transaction.atomic(), ingestion.copying() as batches:
        batches.follow([report_block(agency.pk + 1, "id:1")])
        batches.wait()  # references are checked now, not at the commit
    assert Report.objects.count() == 0
    assert gc.isenabled()


# --- the child's words ----------------------------------------------------------------------------

EVENT = EventRecord(
    text="Event 1\nline «ә»",
    first_line=7,
    last_line=8,
    event_id="1",
    origins=(
        OriginRecord(
            "o",
            datetime(1887, 5, 28, 23, 35, 0, 120000, tzinfo=UTC),
            43.1,
            76.8,
            depth_km=0.0,
            line_number=7,
            arrivals=(ArrivalRecord("p", time_defining=False, line_number=8),),
        ),
    ),
    magnitudes=(MagnitudeRecord(7.3, "Mw"),),
    picks=(PickRecord("p", StationReference("AAK", network="KR"), None, comments=("x",)),),
)


def words(record: Any, **changes: Any) -> bytes:
    """Return the line a child writes of an event, with some of it changed."""
    encoded = json.loads(reading_process.encode(record)) | changes
    return json.dumps(["e", 100, "0" * 64, encoded]).encode()


def test_an_event_comes_out_of_the_childs_words_as_it_went_in() -> None:
    message = reading_process.decode(words(EVENT))
    assert message == reading_process.Reported(100, "0" * 64, EVENT)


def test_half_a_surrogate_pair_does_not_stop_the_child() -> None:
    message = reading_process.decode(words(replace(EVENT, text="a\udc80b")))
    assert isinstance(message, reading_process.Reported)
    assert message.record == replace(EVENT, text="a?b")


def test_an_event_that_moved_has_the_same_hash_and_one_that_changed_has_not() -> None:
    def digest(event: EventRecord) -> str:
        return reading_process.content_hash(reading_process.encode(event))

    def moved(event: EventRecord) -> EventRecord:
        origin = event.origins[0]
        arrivals = tuple(replace(a, line_number=18) for a in origin.arrivals)
        return replace(
            event,
            first_line=17,
            last_line=18,
            origins=(replace(origin, line_number=17, arrivals=arrivals),),
        )

    assert digest(moved(EVENT)) == digest(EVENT)
    assert digest(replace(EVENT, event_type="earthquake")) != digest(EVENT)
    # Words of the file that look like a line number are words.
    said = [replace(EVENT, text=f'"line_number":{n},"first_line":{n}') for n in (1, 2)]
    assert digest(said[0]) != digest(said[1])


@pytest.mark.parametrize(
    "garbled",
    [
        b"",
        b"null",
        b"{",
        b"[]",
        b'["x"]',
        b'["e",1]',
        b'["e",1,"not a hash",{}]',
        b'["d","1"]',
        b'["p",{"line_number":1.5,"code":"x"}]',
        b'["p",{"line_number":1,"code":"x","severity":"deadly"}]',
        b"\xff\xfe",
        words(EVENT, text=None),
        words(EVENT, first_line=True),
        words(EVENT, origins={}),
        words(EVENT, origins=[[]]),
        words(EVENT, origins=[{"origin_id": "o", "time": 1, "latitude": 1, "longitude": 1}]),
        words(
            EVENT,
            origins=[
                {"origin_id": "o", "time": "2014-01-01T00:00:00", "latitude": 1, "longitude": 1}
            ],
        ),
        words(EVENT, picks=[{"pick_id": "p", "station": None, "time": None}]),
        words(
            EVENT,
            picks=[{"pick_id": "p", "station": {"code": "AAK"}, "time": "2014-01-01T00:00:00"}],
        ),
        words(EVENT, magnitudes=[{"value": "4.7", "type": "mb"}]),
    ],
)
def test_what_a_child_never_writes_is_refused(garbled: bytes) -> None:
    with pytest.raises(reading_process.Garbled):
        reading_process.decode(garbled)


def test_the_child_imports_the_one_reader_it_needs() -> None:
    script = (
        "import sys, processing.reading_process; from catalog.formats import by_code;"
        " by_code('isf').read; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        cwd=settings.BASE_DIR, env=reading_child.child_environment(),
    )  # fmt: skip
    imported = set(done.stdout.split())
    assert "catalog.formats.isf" in imported
    assert not {"catalog.formats.quakeml", "catalog.formats.tables", "lxml.etree"} & imported


def test_problems_stand_with_the_entry_whose_lines_they_name(
    operator: User, agency: Agency
) -> None:
    reading = read(request(receive(BULLETIN, operator), agency))
    entry = reading.entries.first()
    assert entry is not None
    spans = [(e.first_line, e.last_line, e.pk) for e in reading.entries.all()]
    known = set(reading.problems.values_list("pk", flat=True))
    ingestion.save_problems(
        reading,
        [
            (None, Problem(entry.last_line, "not-a-number")),
            (None, Problem(None, "mixed-encoding")),
            (None, Problem(10**6, "truncated")),
        ],
        spans,
    )
    new = reading.problems.exclude(pk__in=known)
    assert {p.code: p.entry for p in new} == {
        "not-a-number": entry,
        "mixed-encoding": None,
        "truncated": None,
    }


def pick(name: str, onset: str = "impulsive") -> str:
    return (
        f'<pick publicID="{name}"><time><value>2019-08-25T17:29:00Z</value></time>'
        f'<waveformID networkCode="QZ" stationCode="{name.upper()}"/><onset>{onset}</onset></pick>'
    )


def solution(name: str, *picks: str) -> str:
    arrivals = "".join(f"<arrival><pickID>{p}</pickID><phase>P</phase></arrival>" for p in picks)
    return (
        f'<origin publicID="{name}"><time><value>2019-08-25T17:28:52Z</value></time>'
        "<latitude><value>43.1</value></latitude><longitude><value>77.1</value></longitude>"
        f"{arrivals}</origin>"
    )


def test_where_events_share_lines_a_problem_stands_with_the_one_it_was_told_of(
    operator: User, agency: Agency
) -> None:
    data = "\n".join(
        (
            '<seiscomp xmlns="http://geofon.gfz-potsdam.de/ns/seiscomp3-schema/0.11"'
            ' version="0.11"><EventParameters>',
            pick("a"),
            pick("b"),
            pick("c", onset="odd"),  # of the first origin, between the picks of both
            solution("first", "a", "c"),
            solution("second", "b"),
            "</EventParameters></seiscomp>",
        )
    ).encode()
    reading = read(request(receive(data, operator, "picks.xml"), agency, format="scml"))
    first, second = reading.entries.order_by("ordinal")
    assert first.first_line < second.first_line <= 4 < first.last_line < second.last_line
    problem = reading.problems.get(code="unknown-value")
    assert (problem.line_number, problem.entry) == (4, first)
