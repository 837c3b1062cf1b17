"""What was reported cannot be rewritten or deleted, neither through the ORM nor in SQL."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction

from catalog.models import Event, Magnitude, Origin

GUARDED: dict[str, str] = {
    table: allowed
    for name in (
        "0002_guard_what_was_reported",
        "0004_guard_interpretations_and_consequences",
        "0007_propose_events_for_readings",
        "0014_keep_station_channels",
        "0017_outrank_reports",
        "0018_editions",
        "0019_coverage",
        "0020_preference_rules",
        "0024_conversion_relations",
        "0025_waveforms",
        "0028_felt_reports",
        "0029_felt_decisions",
        "0023_magnitude_assessments",
        "0030_intensities_at_the_desk",
        "0031_mechanisms_of_first_motions",
    )
    for table, allowed in importlib.import_module(f"catalog.migrations.{name}").GUARDED.items()
}
MODELS = {model._meta.db_table: model for model in apps.get_app_config("catalog").get_models()}


@pytest.fixture
def event(committed_report: Event, db: None) -> Event:
    return Event.objects.get(pk=committed_report.pk)


def refused(statement: str, parameters: Any = ()) -> bool:
    """Try a statement; True where the database refuses it by the rule."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, parameters)
    except IntegrityError as error:
        return getattr(error.__cause__, "sqlstate", "") == "23001"  # restrict_violation
    return False


def fixed_columns() -> Iterator[tuple[str, str]]:
    for table, allowed in GUARDED.items():
        for field in MODELS[table]._meta.concrete_fields:
            if field.column not in allowed.split(",") and not field.primary_key:
                yield table, field.column


def other_value(field: Any) -> str:
    """Return SQL for a value of the column's type that differs from what is stored."""
    column = f'"{field.column}"'
    if isinstance(field, models.ForeignKey | models.IntegerField | models.FloatField):
        return f"coalesce({column}, 0) + 1"
    if isinstance(field, models.BooleanField):
        return f"NOT coalesce({column}, false)"
    if isinstance(field, models.DateTimeField):
        return f"coalesce({column}, now()) + interval '1 s'"
    if isinstance(field, models.DateField):
        return f"{column} + 1"
    if isinstance(field, models.JSONField):
        return """'{"other": 1}'::jsonb"""
    if isinstance(field, models.BinaryField):
        return f"{column} || 'x'::bytea"
    if field.geom_type == "POINT" if hasattr(field, "geom_type") else False:
        return "ST_SetSRID(ST_MakePoint(1, 1), 4326)"
    if isinstance(field, models.UUIDField):
        return "gen_random_uuid()"
    if hasattr(field, "geom_type"):
        return f"ST_Translate({column}, 1, 1)"
    return f"left(coalesce({column}, '') || 'x', 10)"


@pytest.mark.parametrize(("table", "column"), list(fixed_columns()))
def test_reported_column_cannot_be_updated(table: str, column: str, event: Event) -> None:
    field = next(f for f in MODELS[table]._meta.concrete_fields if f.column == column)
    value = other_value(field)
    if value.startswith("left("):
        value = f"""'other' || left("{column}", 1)"""
        if (field.max_length or 99) < 8:
            value = "'x'"
    assert refused(f'UPDATE "{table}" SET "{column}" = {value}')


@pytest.mark.parametrize("table", GUARDED)
def test_row_cannot_be_deleted_in_sql(table: str, event: Event) -> None:
    assert refused(f'DELETE FROM "{table}"')


@pytest.mark.parametrize("table", GUARDED)
def test_row_cannot_be_deleted_through_the_orm(table: str, event: Event) -> None:
    row = MODELS[table]._default_manager.first()
    assert row is not None
    with pytest.raises((models.ProtectedError, IntegrityError)), transaction.atomic():
        row.delete()
    assert MODELS[table]._default_manager.filter(pk=row.pk).exists()


def test_value_cannot_be_saved_through_the_orm(event: Event) -> None:
    magnitude = Magnitude.objects.get()
    magnitude.value = 9.9
    with pytest.raises(IntegrityError, match="keep what was written: value"), transaction.atomic():
        magnitude.save()
    magnitude.refresh_from_db()
    assert magnitude.value == 13.6


def test_status_columns_may_move(event: Event) -> None:
    origin = Origin.objects.get()
    origin.superseded_at = origin.created_at
    origin.save()
    origin.refresh_from_db()
    assert origin.superseded_at is not None


@pytest.mark.parametrize("table", GUARDED)
def test_allowed_columns_exist(table: str) -> None:
    columns = {field.column for field in MODELS[table]._meta.concrete_fields}
    assert {column for column in GUARDED[table].split(",") if column} <= columns


def test_every_foreign_key_of_ours_protects() -> None:
    unprotected = [
        f"{model.__name__}.{field.name}"
        for label in ("catalog", "processing")
        for model in apps.get_app_config(label).get_models()
        for field in model._meta.fields
        if isinstance(field, models.ForeignKey)
        and field.remote_field.on_delete is not models.PROTECT
    ]
    assert unprotected == []
