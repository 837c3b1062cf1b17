"""Remove synthetic data for good: the one hard delete of the portal.

What is removed: every report or reading that says it is synthetic, all that hangs on it, what was
computed from it (station corrections, fitted calibrations and conversions, too), files that hold
nothing else, and synthetic stations. The events stay as tombstones (status "deleted", their public
ids answer 410) and the feed says so, as for any deletion. An event in which synthetic and real
reports were mixed is refused: it must be split first. A real reading at a synthetic station keeps
its code and loses the station. What a person told of a synthetic event is kept and tied anew.
Editions of synthetic events go, too, with their files; real and synthetic events are never in one
edition.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from catalog.models import (
    BulletinEntry,
    ConversionRelation,
    Event,
    FeltReport,
    Pick,
    Report,
    Station,
    User,
)
from processing.jobs.publishing import publish_many
from processing.models import CorrectionSet, MagnitudeCalibration
from processing.transactions import writing

#: What is deleted, in any order (foreign keys are checked at the commit). Each condition speaks of
#: the temporary tables that ``collect`` fills.
DELETIONS = (
    ("catalog_arrival", "origin_id IN (SELECT id FROM gone_origin)"),
    ("catalog_arrival", "pick_id IN (SELECT id FROM gone_pick)"),
    ("catalog_stationmagnitude", "entry_id IN (SELECT id FROM gone_entry)"),
    ("catalog_stationmagnitude", "origin_id IN (SELECT id FROM gone_origin)"),
    ("catalog_amplitude", "entry_id IN (SELECT id FROM gone_entry)"),
    ("catalog_amplitude", "pick_id IN (SELECT id FROM gone_pick)"),
    ("catalog_preferredmagnitude", "event_id IN (SELECT id FROM gone_event)"),
    ("catalog_magnitudeassessment", "event_id IN (SELECT id FROM gone_event)"),
    *(
        (
            table,
            "entry_id IN (SELECT id FROM gone_entry) OR event_id IN (SELECT id FROM gone_event)",
        )
        for table in (
            "catalog_magnitude",
            "catalog_focalmechanism",
            "catalog_intensityobservation",
            "catalog_eventdescription",
            "catalog_interpretation",
            "catalog_consequence",
        )
    ),
    ("catalog_felttie", "report_id IN (SELECT id FROM gone_felt)"),
    ("catalog_feltdecision", "report_id IN (SELECT id FROM gone_felt)"),
    ("catalog_feltreportpersonal", "report_id IN (SELECT id FROM gone_felt)"),
    ("catalog_feltreport", "id IN (SELECT id FROM gone_felt)"),
    *(
        (table, "event_id IN (SELECT id FROM gone_event)")
        for table in (
            "catalog_communityintensity",
            "catalog_feltsummary",
            "catalog_macroseismicassessment",
        )
    ),
    (
        "catalog_polaritydecision",
        "event_id IN (SELECT id FROM gone_event) OR station_id IN (SELECT id FROM gone_station)",
    ),
    ("catalog_stationpolarityreversal", "station_id IN (SELECT id FROM gone_station)"),
    ("catalog_waveformmeasurement", "event_id IN (SELECT id FROM gone_event)"),
    (
        "catalog_waveformchunk",
        "file_id IN (SELECT f.id FROM catalog_waveformfile f"
        " WHERE f.event_id IN (SELECT id FROM gone_event))",
    ),
    ("catalog_waveformfile", "event_id IN (SELECT id FROM gone_event)"),
    ("catalog_origin", "id IN (SELECT id FROM gone_origin)"),
    (
        "catalog_pickassociation",
        "pick_id IN (SELECT id FROM gone_pick) OR duplicate_of_id IN (SELECT id FROM gone_pick)"
        " OR event_id IN (SELECT id FROM gone_event)",
    ),
    ("catalog_pick", "id IN (SELECT id FROM gone_pick)"),
    (
        "catalog_mergedecision",
        "report_id IN (SELECT id FROM gone_report)"
        " OR other_report_id IN (SELECT id FROM gone_report)"
        " OR event_id IN (SELECT id FROM gone_event)",
    ),
    ("catalog_typesuggestion", "event_id IN (SELECT id FROM gone_event)"),
    ("catalog_knownsource", "synthetic"),
    (
        "catalog_bulletinproblem",
        "entry_id IN (SELECT id FROM gone_entry) OR reading_id IN (SELECT id FROM gone_reading)",
    ),
    (
        "processing_jointrelocation",
        "first_id IN (SELECT id FROM gone_entry) OR second_id IN (SELECT id FROM gone_entry)",
    ),
    ("catalog_bulletinentry", "id IN (SELECT id FROM gone_entry)"),
    ("catalog_report", "id IN (SELECT id FROM gone_report)"),
    (
        "catalog_coveragespan",
        "file_id IN (SELECT id FROM gone_file) OR reading_id IN (SELECT id FROM gone_reading)",
    ),
    ("catalog_bulletinreading", "id IN (SELECT id FROM gone_reading)"),
    ("catalog_bulletinchunk", "file_id IN (SELECT id FROM gone_file)"),
    ("catalog_bulletinfile", "id IN (SELECT id FROM gone_file)"),
    ("processing_stationcorrection", "set_id IN (SELECT id FROM gone_correctionset)"),
    ("processing_correctionset", "id IN (SELECT id FROM gone_correctionset)"),
    ("processing_magnitudecalibration", "synthetic"),
    ("catalog_conversionrelation", "synthetic"),
    (
        "catalog_declusteringlabel",
        "event_id IN (SELECT id FROM gone_event) OR run_id IN (SELECT id FROM gone_declustering)",
    ),
    ("catalog_declusteringrun", "id IN (SELECT id FROM gone_declustering)"),
    ("catalog_exportchunk", "export_id IN (SELECT id FROM gone_export)"),
    ("catalog_editionfile", "edition_id IN (SELECT id FROM gone_edition)"),
    ("catalog_export", "id IN (SELECT id FROM gone_export)"),
    ("catalog_editionevent", "edition_id IN (SELECT id FROM gone_edition)"),
    ("catalog_edition", "id IN (SELECT id FROM gone_edition)"),
    ("catalog_stationalias", "station_id IN (SELECT id FROM gone_station)"),
    ("catalog_channel", "station_id IN (SELECT id FROM gone_station)"),
    ("catalog_stationdescription", "station_id IN (SELECT id FROM gone_station)"),
    ("catalog_stationfileproblem", "file_id IN (SELECT id FROM gone_stationfile)"),
    ("catalog_stationfile", "id IN (SELECT id FROM gone_stationfile)"),
    ("catalog_station", "id IN (SELECT id FROM gone_station)"),
)

COLLECTIONS = (
    ("gone_entry", "SELECT id FROM catalog_bulletinentry WHERE synthetic"),
    (
        "gone_report",
        "SELECT id FROM catalog_report r WHERE EXISTS"
        " (SELECT 1 FROM catalog_bulletinentry e WHERE e.report_id = r.id)"
        " AND NOT EXISTS"
        " (SELECT 1 FROM catalog_bulletinentry e WHERE e.report_id = r.id AND NOT e.synthetic)",
    ),
    ("gone_event", "SELECT id FROM catalog_event WHERE synthetic"),
    ("gone_felt", "SELECT id FROM catalog_feltreport WHERE synthetic"),
    (
        "gone_file",
        # A station bulletin has no entries, only readings.
        "SELECT r.file_id AS id FROM catalog_bulletinreading r JOIN"
        " (SELECT reading_id, synthetic FROM catalog_bulletinentry UNION ALL"
        " SELECT reading_id, synthetic FROM catalog_pick WHERE entry_id IS NULL) part"
        " ON part.reading_id = r.id GROUP BY r.file_id HAVING bool_and(part.synthetic)",
    ),
    (
        "gone_reading",
        "SELECT id FROM catalog_bulletinreading WHERE file_id IN (SELECT id FROM gone_file)",
    ),
    (
        "gone_origin",
        "SELECT id FROM catalog_origin WHERE entry_id IN (SELECT id FROM gone_entry)"
        " OR event_id IN (SELECT id FROM gone_event)",
    ),
    (
        "gone_pick",
        "SELECT id FROM catalog_pick WHERE entry_id IN (SELECT id FROM gone_entry)"
        " OR reading_id IN (SELECT id FROM gone_reading) OR (entry_id IS NULL AND synthetic)",
    ),
    ("gone_correctionset", "SELECT id FROM processing_correctionset WHERE synthetic"),
    ("gone_edition", "SELECT id FROM catalog_edition WHERE synthetic"),
    (
        "gone_export",
        "SELECT export_id AS id FROM catalog_editionfile"
        " WHERE edition_id IN (SELECT id FROM gone_edition)",
    ),
    (
        "gone_declustering",
        "SELECT id FROM catalog_declusteringrun WHERE edition_id IN (SELECT id FROM gone_edition)"
        " OR edition_id IS NULL AND id IN (SELECT run_id FROM catalog_declusteringlabel"
        " WHERE event_id IN (SELECT id FROM gone_event))",
    ),
    ("gone_station", "SELECT id FROM catalog_station WHERE synthetic"),
    (
        "gone_stationfile",
        "SELECT part.file_id AS id FROM (SELECT file_id, station_id FROM catalog_channel UNION ALL"
        " SELECT file_id, station_id FROM catalog_stationdescription) part"
        " JOIN catalog_station s ON s.id = part.station_id"
        " GROUP BY part.file_id HAVING bool_and(s.synthetic)",
    ),
)

#: Where a real row may still name a synthetic station.
STATION_TABLES = (
    "catalog_pick", "catalog_amplitude", "catalog_stationmagnitude",
    "catalog_waveformmeasurement",
)  # fmt: skip


class Command(BaseCommand):
    help = "Delete synthetic reports and what was made of them; asks first."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="do not ask")
        parser.add_argument("--user", required=True, help="who removes: a user's name")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = User.objects.filter(username=options["user"]).first()
        if actor is None:
            raise CommandError(f"no user is named {options['user']!r}")
        refuse_mixed()
        entries = BulletinEntry.objects.filter(synthetic=True).count()
        readings = Pick.objects.filter(entry__isnull=True, synthetic=True).count()
        stations = Station.objects.filter(synthetic=True).count()
        sets = CorrectionSet.objects.filter(synthetic=True).count()
        fitted = MagnitudeCalibration.objects.filter(synthetic=True).count()
        fitted += ConversionRelation.objects.filter(synthetic=True).count()
        felt = FeltReport.objects.filter(synthetic=True).count()
        if not any((entries, readings, stations, sets, fitted, felt)):
            self.stdout.write("No synthetic data")
            return
        events = Event.objects.alive().filter(synthetic=True).count()
        if not options["yes"]:
            answer = input(
                f"Remove {entries} synthetic reports of {events} events, {readings} readings"
                f" without an event, {stations} stations, {sets} sets of station corrections,"
                f" {fitted} fitted calibrations and conversions and {felt} felt reports? [yes/no] "
            )
            if answer.strip() != "yes":
                raise CommandError("nothing was removed")
        removed = remove(actor)
        self.stdout.write(
            f"Removed {removed} rows; {events} events are deleted and stay as tombstones"
        )


def refuse_mixed() -> None:
    """Synthetic and real reports of one event cannot be told apart by a delete."""
    real_in_synthetic = Report.objects.filter(
        event__synthetic=True, current_entry__synthetic=False
    ).values_list("event__public_id", flat=True)
    synthetic_in_real = Report.objects.filter(
        event__synthetic=False, entries__synthetic=True
    ).values_list("event__public_id", flat=True)
    mixed = sorted({*real_in_synthetic, *synthetic_in_real})
    if mixed:
        raise CommandError("synthetic and real reports are mixed in " + ", ".join(mixed[:20]))


def remove(actor: User) -> int:
    """Delete in one transaction, which ends with the changes; return the number of rows."""
    with writing(), connection.cursor() as cursor:
        # No bulletin may be associated meanwhile: its report could join an event that goes.
        cursor.execute("LOCK TABLE catalog_report IN SHARE ROW EXCLUSIVE MODE")
        refuse_mixed()
        events = list(
            Event.objects.select_for_update().alive().filter(synthetic=True).order_by("pk")
        )
        cursor.execute("SET LOCAL catalog.removing_synthetic = 'on'")
        for table, question in COLLECTIONS:
            cursor.execute(f"CREATE TEMPORARY TABLE {table} ON COMMIT DROP AS {question}")
        cursor.execute(
            "UPDATE catalog_event SET preferred_origin_id = NULL, preferred_magnitude_id = NULL,"
            " preferred_focal_mechanism_id = NULL WHERE id IN (SELECT id FROM gone_event)"
        )
        cursor.execute(
            "UPDATE processing_processingrun SET reading_id = NULL"
            " WHERE reading_id IN (SELECT id FROM gone_reading)"
        )
        cursor.execute(
            "UPDATE catalog_edition SET superseded_by_id = NULL"
            " WHERE superseded_by_id IN (SELECT id FROM gone_edition)"
        )
        cursor.execute(
            "UPDATE catalog_feltreport SET processed_at = NULL"
            " WHERE NOT synthetic AND event_id IN (SELECT id FROM gone_event)"
        )
        removed = 0
        for table in STATION_TABLES:
            cursor.execute(
                f"UPDATE {table} SET station_id = NULL"  # noqa: S608 - our own
                " WHERE station_id IN (SELECT id FROM gone_station)"
            )
        for table, condition in DELETIONS:
            cursor.execute(f"DELETE FROM {table} WHERE {condition}")  # noqa: S608 - our own
            removed += cursor.rowcount
        for event in events:
            event.status = Event.Status.DELETED
            event.preferred_origin = None
            event.preferred_magnitude = None
            event.preferred_focal_mechanism = None
        Event.objects.bulk_update(events, ["status"])
        publish_many(events, actor=actor)
    return removed
