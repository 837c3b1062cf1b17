"""A person decides an event's type: it stands before reports, follows them, and is taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.gis.geos import Point
from django.core.management import CommandError, call_command
from django.db import connection

from catalog.models import (
    Change,
    Event,
    Interpretation,
    KnownSource,
    MergeDecision,
    Report,
    TypeSuggestion,
)
from processing.core import event_type as core
from processing.jobs import association, event_type, type_decisions
from processing.jobs.station_readings import NotDecidable
from processing.models import WorkItem
from processing.transactions import writing
from tests.processing.bulletins import START, associate, event, lay, person, recompute

pytestmark = pytest.mark.django_db(databases=["default", "progress"])


def lay_all(agency: str, *records: object) -> None:
    associate(lay(agency, *records))  # type: ignore[arg-type]
    recompute()


@pytest.fixture
def quake() -> Event:
    """An event that two agencies report, both as an earthquake."""
    lay_all("KNDC", event("k1", event_type="earthquake"))
    lay_all("SOME", event("s1", 1.0, event_type="earthquake"))
    return Event.objects.get()


def decide(event: Event, type_: str | None = "quarry blast", **values: object) -> dict[str, int]:
    event.refresh_from_db()
    with writing():
        outcome = type_decisions.decide(
            [(event.pk, type_decisions.seen(event))], person("editor"), type_, **values
        )
    recompute()
    event.refresh_from_db()
    return dict(outcome.counts)


def types() -> dict[str, str]:
    """The types of all public events, by the agencies that report them."""
    recompute()
    return {
        "+".join(sorted(e.reports.values_list("agency__code", flat=True))): e.row.event_type
        for e in Event.objects.alive().select_related("row")
    }


def test_a_decision_stands_before_what_agencies_report(quake: Event) -> None:
    assert quake.event_type == "earthquake"
    assert decide(quake, certainty="suspected", note="A cloud of dust") == {"decided": 1}
    assert (quake.event_type, quake.event_type_certainty) == ("quarry blast", "suspected")
    assert quake.row.event_type == "quarry blast" and "quarry blast" in quake.row.csv_line
    decision = MergeDecision.objects.get(kind="type")
    assert decision.actor == person("editor") and decision.note == "A cloud of dust"
    assert decision.before["event_type"] == "earthquake"
    assert {s["agency"] for s in decision.parts["reports"]} == {"KNDC", "SOME"}
    assert decision.parts["suggested"] == "earthquake" and decision.parts["terms"]


def test_it_is_taken_back_by_a_new_decision(quake: Event) -> None:
    decide(quake)
    decide(quake, "rock burst")
    first, second = MergeDecision.objects.filter(kind="type").order_by("pk")
    with pytest.raises(NotDecidable), writing():
        type_decisions.undo(first.pk, person("editor"))
    for decision, then in ((second, "quarry blast"), (first, "earthquake")):
        with writing():
            type_decisions.undo(decision.pk, person("editor"), "no")
        assert types() == {"KNDC+SOME": then}
        undone = MergeDecision.objects.get(undoes=decision)
        assert undone.after["event_type"] == then and undone.note == "no"
    with pytest.raises(NotDecidable), writing():
        type_decisions.undo(first.pk, person("editor"))


def test_of_two_who_decide_at_once_one_is_told_to_look_again(quake: Event) -> None:
    seen = [(quake.pk, type_decisions.seen(quake))]
    with writing():
        first = type_decisions.decide(seen, person("one"), "quarry blast")
    with writing():
        second = type_decisions.decide(seen, person("two"), "rock burst")
    assert (dict(first.counts), dict(second.counts)) == ({"decided": 1}, {"overtaken": 1})
    assert MergeDecision.objects.filter(kind="type").count() == 1
    with pytest.raises(NotDecidable), writing():
        type_decisions.decide(seen, person("one"), "asteroid")


def test_it_survives_a_newer_report_and_a_report_that_is_withdrawn(quake: Event) -> None:
    decide(quake)
    decided_on = MergeDecision.objects.get(kind="type").report
    assert decided_on is not None
    lay_all("KNDC", event("k1", 2.0, event_type="earthquake", sizes={"mb": 4.2}))
    lay_all("SOME", event("s1", 2.5, event_type="earthquake", sizes={"mb": 4.1}))
    assert types() == {"KNDC+SOME": "quarry blast"}
    key = decided_on.key.removeprefix("id:")
    lay_all(decided_on.agency.code, event(key, 2.0, deleted=True))
    assert Report.objects.get(pk=decided_on.pk).event is None
    assert set(types().values()) == {"quarry blast"}


def test_it_follows_its_report_through_a_split_and_a_merge(quake: Event) -> None:
    decide(quake)
    decision = MergeDecision.objects.get(kind="type")
    mine, other = decision.report, decision.other_report
    assert mine is not None and other is not None
    MergeDecision.objects.create(
        kind="different", report=mine, other_report=other, actor=person("editor")
    )
    with writing():
        touched = association.rearrange([mine.pk, other.pk])
        WorkItem.objects.request_many("recompute", touched)
    assert types() == {mine.agency.code: "quarry blast", other.agency.code: "earthquake"}
    # The other one is decided on, too; then both turn out to be one after all.
    decide(Event.objects.alive().get(reports=other), "rock burst")
    MergeDecision.objects.create(
        kind="undo", report=mine, actor=person("editor"),
        undoes=MergeDecision.objects.get(kind="different"),
    )  # fmt: skip
    with writing():
        touched = association.rearrange([mine.pk, other.pk])
        WorkItem.objects.request_many("recompute", touched)
    assert types() == {"KNDC+SOME": "rock burst"}, "the later decision holds"
    assert MergeDecision.objects.filter(kind="type").count() == 2


def test_an_interpretation_stands_beside_the_type_follows_and_is_withdrawn(quake: Event) -> None:
    before = Change.objects.count()
    text = type_decisions.Text(
        "induced or triggered event", "suspected", "Mikhailova N.N.", "Year book 2014",
        {"en": "natural-induced in the authors' view"},
    )  # fmt: skip
    with writing():
        row = type_decisions.interpret(quake.pk, text, person("editor"))
    assert quake.event_type == "earthquake" and Change.objects.count() == before + 1
    quake.row.refresh_from_db()
    assert quake.row.change_number == before + 1
    # It comes along when its report does.
    alone = Event.objects.create(public_id="kz2015zzzzzz")
    Report.objects.filter(pk=row.report_id).update(event=alone)
    type_decisions.follow([alone.pk])
    row.refresh_from_db()
    assert row.event == alone
    with pytest.raises(NotDecidable), writing():
        type_decisions.withdraw(row.pk + 1, person("editor"), "a slip")
    with writing():
        type_decisions.withdraw(row.pk, person("editor"), "misread")
    row.refresh_from_db()
    assert row.superseded_at and Interpretation.objects.count() == 1
    undone = MergeDecision.objects.get(undoes__kind="interpret")
    assert undone.note == "misread" and undone.before["interpretation"] == row.pk
    with pytest.raises(NotDecidable), writing():
        type_decisions.withdraw(row.pk, person("editor"), "again")


def test_the_catalogue_is_gone_through_and_only_what_matters_is_kept(settings: object) -> None:
    """Twelve blasts at noon on workdays told as earthquakes, and as many quakes elsewhere."""
    noon = START.replace(hour=6, minute=53)  # solar noon at 76.75 E, a Sunday
    days = [1, 2, 3, 4, 5, 8, 9, 10, 11, 12, 15, 16]
    seconds = [(noon - START + timedelta(days=d)).total_seconds() for d in days]
    small = {"KR": 6.8}
    lay_all(
        "KNDC",
        *(
            event(f"b{i}", s, 43.45, 76.75, event_type="earthquake", sizes=small, depth_km=0.0)
            for i, s in enumerate(seconds)
        ),
        *(
            event(f"q{i}", 7_300.0 * i + 900.0, 45.0, 79.0, event_type="earthquake", sizes=small)
            for i in range(12)
        ),
    )
    with writing():
        counts = event_type.screen()
    assert counts["kept"] == 12
    rows = list(TypeSuggestion.objects.select_related("event__row"))
    assert {row.event.row.latitude for row in rows} == {43.45}
    assert {row.family for row in rows} <= {"blast", ""} and rows[0].evidence["place"]["events"]
    assert sum(row.family == "blast" for row in rows) >= 10
    # A quarry that is known there, and whose dates fit, speaks for all of them.
    KnownSource.objects.create(
        name_en="Quarry", point=Point(76.76, 43.46, srid=4326), radius_km=5.0, citation="a map",
        kind="quarry blast",
    )  # fmt: skip
    KnownSource.objects.create(
        name_en="Later", point=Point(76.75, 43.45, srid=4326), radius_km=5.0, citation="a map",
        kind="explosion", valid_from=START.date() + timedelta(days=400),
    )  # fmt: skip
    with writing():
        event_type.screen()
    assert set(TypeSuggestion.objects.values_list("event_type", flat=True)) == {"quarry blast"}
    one = rows[0].event
    assert decide(one, None) == {"decided": 1}
    assert one.event_type == "quarry blast"
    # A change asks for the next screening, once.
    with writing():
        assert event_type.request_if_changed() and not event_type.request_if_changed()
    recompute()
    with writing():
        assert not event_type.request_if_changed()


def test_a_list_of_quarries_is_taken_whole_or_not_at_all(tmp_path, capsys) -> None:
    header = "name_en,name_ru,latitude,longitude,radius_km,kind,citation,valid_from\n"
    file = tmp_path / "quarries.csv"
    file.write_text(header + "A,А,43.4,76.7,5,quarry blast,a map,2001-01-01\n", encoding="utf-8")
    call_command("import_known_sources", str(file))
    call_command("import_known_sources", str(file))
    assert KnownSource.objects.get().name_ru == "А"
    wrong = "B,,91,nan,500,quarrying,,yesterday\nC,,1,2,3,quarry blast,x,\n"
    file.write_text(header + wrong, encoding="utf-8")
    with pytest.raises(CommandError, match="6 problems"):
        call_command("import_known_sources", str(file))
    assert "line 2: latitude: found '91', expected -90 to 90" in capsys.readouterr().err
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(CommandError):
        call_command("import_known_sources", str(file))
    assert KnownSource.objects.count() == 1


def test_the_decisions_in_force_are_found_by_an_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = 'decision_type'")
        assert "WHERE" in cursor.fetchone()[0]
    assert MergeDecision.types_in_force([]) == {}
    assert core.group("nuclear explosion") == core.BLAST
