"""One small report with a row in every table, for tests that ask something of all tables."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from django.contrib.gis.geos import MultiPolygon, Point, Polygon

from catalog import models
from processing.models import MagnitudeCalibration, ProcessingRun, TravelTimeTable, WorkItem

TIME = datetime(2014, 11, 14, 1, 24, tzinfo=UTC)
POINT = Point(77.27, 42.10, srid=4326)
BYTES = b"the raw bytes of a bulletin"


def one_of_each(*, name: str = "one", synthetic: bool = False) -> models.Event:
    """Store a report with every kind of row and return its event, published."""
    user = models.User.objects.create(username=f"uploader-{name}")
    agency = models.Agency.objects.create(code=f"A-{name}")
    models.AccessToken.issue(user, "script", ["upload"])
    models.SignInFailure.objects.create(
        key=hashlib.sha256(name.encode()).hexdigest(), failures=1, since=TIME
    )
    models.UploadKey.objects.create(
        user=user, key=name, request_hash="0" * 64, status_code=201, body={}
    )
    models.AuthoritativeArea.objects.create(
        name=name, area=MultiPolygon(Polygon.from_bbox((75, 41, 80, 45)), srid=4326)
    )
    models.PreferenceRuleSet.objects.create(name=f"rules-{name}", version=1, definition={})
    network = models.Network.objects.create(code=f"N-{name}")
    station = models.Station.objects.create(network=network, code="KNDC", point=POINT)
    models.StationAlias.objects.create(agency=agency, code="KND", station=station)
    stations = models.StationFile.objects.create(
        sha256=name.rjust(64, "5"), name=f"{name}.xml", size=3, content=b"<x>", uploader=user
    )
    models.StationFileProblem.objects.create(file=stations, code="missing-field")
    models.StationDescription.objects.create(station=station, file=stations, xml=b"")
    models.Channel.objects.create(
        station=station, file=stations, code="BHZ", latitude=POINT.y, longitude=POINT.x,
        elevation_m=900, depth_m=0, xml=b"",
    )  # fmt: skip
    settlement = models.Settlement.objects.create(name_en="Almaty", point=POINT, country="KZ")

    file = models.BulletinFile.objects.create(
        sha256=name.rjust(64, "0"), name=f"{name}.isf", size=len(BYTES), uploader=user
    )
    models.BulletinChunk.objects.create(file=file, ordinal=0, data=BYTES)
    reading = models.BulletinReading.objects.create(
        file=file, number=1, agency=agency, format="isf", reader_version="1",
        requested_by=user, is_current=True, status="read",
    )  # fmt: skip
    models.ColumnMapping.objects.create(name=name, definition={"columns": []}, created_by=user)
    event = models.Event.objects.create(
        public_id=f"kz2014{name}", event_type="earthquake", synthetic=synthetic
    )
    report = models.Report.objects.create(agency=agency, key=f"id:{name}", event=event)
    entry = models.BulletinEntry.objects.create(
        reading=reading, ordinal=1, report=report, content_hash="0" * 64, first_line=1,
        last_line=9, text="the text", synthetic=synthetic,
    )  # fmt: skip
    models.Report.objects.filter(pk=report.pk).update(current_entry=entry)
    models.BulletinProblem.objects.create(reading=reading, entry=entry, code="not-a-number")

    said: dict[str, Any] = {"event": event, "entry": entry, "agency": agency}
    origin = models.Origin.objects.create(**said, time=TIME, point=POINT, depth_km=10)
    pick = models.Pick.objects.create(
        reading=reading, entry=entry, station=station, station_code="KNDC", time=TIME
    )
    models.Arrival.objects.create(origin=origin, pick=pick, phase="Pg")
    loose = models.Pick.objects.create(
        reading=reading, station=station, station_code="KNDC", time=TIME, synthetic=synthetic
    )
    models.PickAssociation.objects.create(
        pick=loose, event=event, phase="Pg", time_residual=0.4, expected_sigma_s=1.1, rank=1
    )
    amplitude = models.Amplitude.objects.create(entry=entry, pick=pick, value=12.0, unit="nm")
    waveform = models.WaveformFile.objects.create(
        event=event, sha256="0" * 64, name=f"{name}.mseed", size=len(BYTES), kind="miniseed",
        uploader=user,
    )  # fmt: skip
    models.WaveformChunk.objects.create(file=waveform, ordinal=0, data=BYTES)
    models.WaveformMeasurement.objects.create(
        event=event, file=waveform, origin=origin, station=station, trace_id="N.KNDC..BHZ",
        component="Z", scale="mb", wave="P", instrument="WWSSN_SP", amplitude=12.0, period=1.0,
        time=TIME, turns=BYTES, inputs="0" * 64,
    )  # fmt: skip
    magnitude = models.Magnitude.objects.create(
        **said, origin=origin, type="KR", scale="KR", value=13.6
    )
    models.StationMagnitude.objects.create(
        entry=entry, origin=origin, magnitude=magnitude, amplitude=amplitude, type="KR", value=13.5
    )
    models.MagnitudeAssessment.objects.create(
        event=event, origin=origin, scale="KR_WSG", type="KR(WSG)", reason="too_few_stations",
        method_id="kz-portal/amplitudes/kr-median", inputs="0" * 64,
    )  # fmt: skip
    models.FocalMechanism.objects.create(**said, triggering_origin=origin, strike_1=250)
    models.IntensityObservation.objects.create(
        **said, settlement=settlement, place="Almaty", minimum=3, maximum=4
    )
    felt = models.FeltReport.objects.create(
        client_id=uuid4(), event=event, felt=True, point=POINT, settlement=settlement,
        precision_km=0.5, chosen_grade=4, language="en", received_at=TIME, device="d",
        answers={"motion": "mild"}, synthetic=synthetic, place_source="map", verdict="accepted",
        verdict_by=user, verdict_at=TIME, processed_at=TIME, felt_at=TIME, place="Almaty",
    )  # fmt: skip
    models.FeltReportPersonal.objects.create(report=felt, comment="the lamp swung")
    models.FeltTie.objects.create(report=felt, event=event, rule="sender", actor=user)
    models.FeltDecision.objects.create(report=felt, kind="accept", actor=user)
    models.FeltSummary.objects.create(event=event, report_count=1, not_felt_count=0, method_id="m")
    models.CommunityIntensity.objects.create(
        event=event, area="settlement", code=str(settlement.pk), settlement=settlement,
        point=POINT, report_count=1, not_felt_count=0, cws=6.0, cdi=2.0, method_id="m",
    )  # fmt: skip
    models.MacroseismicAssessment.objects.create(event=event, method_id="m")
    models.EventDescription.objects.create(event=event, entry=entry, text="Kadzhi-Sai")
    models.Interpretation.objects.create(**said, event_type="earthquake", author="someone")
    models.Consequence.objects.create(event=event, entry=entry, kind="other", date=TIME.date())
    models.PolarityDecision.objects.create(event=event, station=station, kind="flip", actor=user)
    models.StationPolarityReversal.objects.create(
        station=station, start=TIME, source="a visit", recorded_by=user
    )
    models.SettlementEdit.objects.create(
        settlement=settlement, actor=user, after={"name_en": "Almaty"}
    )
    models.PreferredMagnitude.objects.create(event=event, scale="KR", magnitude=magnitude)
    models.ConversionRelation.objects.create(
        relation_id=f"relation-{name}", from_scale="mb", to_scale="KR", slope=2, intercept=1,
        range_from=3, range_to=6, regression="ols", certainty="assumed", synthetic=synthetic,
    )  # fmt: skip
    models.Event.objects.filter(pk=event.pk).update(
        preferred_origin=origin, preferred_magnitude=magnitude
    )
    models.CoverageSpan.objects.create(
        agency=agency, first_day=TIME.date(), last_day=TIME.date(), state="final",
        basis="declared", file=file, said_by=user,
    )  # fmt: skip
    models.MonthClosing.objects.create(
        month=TIME.date().replace(day=1), action="closed", actor=user
    )
    models.MergeDecision.objects.create(kind="new-event", report=report, event=event)
    change = models.Change.record("created", event, actor=user)
    models.EventRow.objects.create(
        event=event, public_id=event.public_id, time=TIME, point=POINT, latitude=42.10,
        longitude=77.27, status="reviewed", fdsn_text="", csv_line="", renderer_version="1",
        version=1, change_number=change.number, updated_at=TIME, synthetic=synthetic,
    )  # fmt: skip
    models.EventFragment.objects.create(
        event=event, part="head", body=b"<event/>", renderer_version="1", version=1
    )
    models.KnownSource.objects.create(
        name_en=f"Quarry {name}", point=POINT, radius_km=5, citation="somebody",
        synthetic=synthetic,
    )  # fmt: skip
    models.TypeSuggestion.objects.create(event=event, rule_set="r", score=0.1, strength=0.1)
    content = uuid4()
    export = models.Export.objects.create(
        search="minkr=10", format="csv", key=name.rjust(64, "0"), asked_version=1,
        catalogue_version=1, status="done", size=len(BYTES), sha256="0" * 64, content=content,
        file_name=f"{name}.csv",
    )  # fmt: skip
    models.ExportChunk.objects.create(export=export, content=content, ordinal=0, data=BYTES)
    edition = models.Edition.objects.create(
        series="KZ-2014", title_en=name, status="freezing", created_by=user
    )
    models.EditionEvent.objects.create(
        edition=edition, place=1, event=event, public_id=event.public_id, csv_line="", fdsn_text=""
    )
    models.EditionFile.objects.create(
        edition=edition, kind="csv", name=f"{name}.csv", export=export
    )
    flags = models.DeclusteringRun.objects.create(
        method="uhrhammer-1986", edition=edition, status="done", catalogue_version=1,
        finished_at=TIME,
    )  # fmt: skip
    models.DeclusteringLabel.objects.create(run=flags, event=event, cluster=0, role="single")
    models.Edition.objects.filter(pk=edition.pk).update(
        status="published", number=models.Edition.objects.published().count() + 1,
        catalogue_version=1, published_at=TIME, sha256="0" * 64, published_by=user,
        synthetic=synthetic,
    )  # fmt: skip
    run = ProcessingRun.objects.create(kind="ingest", reading=reading, actor=user)
    TravelTimeTable.objects.create(
        name=f"table-{name}", version=1, agency=agency, title="A table", provenance="somebody",
        content="phase", sha256="0" * 64, phases=["Pg"], distance_from_deg=0, distance_to_deg=3,
        depth_from_km=0, depth_to_km=30, full_to_deg=2, none_beyond_deg=3, full_to_km=20,
        none_beyond_km=30, uploaded_by=user,
        region=Polygon.from_bbox((75, 41, 80, 45)),
    )  # fmt: skip
    MagnitudeCalibration.objects.create(
        version=f"calibration-{name}", scale="MPVA", kind="sigma", method_id="m",
        synthetic=synthetic, distance_from_km=10, distance_to_km=500, knots_km=[10, 500],
        sigma=[1, 3], sigma_errors=[0.1, 0.1], station_terms={"KZ.KNDC": [0.1, 0.02, 9]},
        residual_sigma=0.2, residual_rms=0.3, event_count=20, station_count=3, reading_count=60,
        first_event=TIME, last_event=TIME, residuals=[[50.0, 0.1]],
    )  # fmt: skip
    WorkItem.objects.create(kind="read", object_id=run.pk, dedup_key=name, run=run)
    event.refresh_from_db()
    return event
