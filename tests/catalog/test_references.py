"""The references of readings hold as foreign keys would, though they are checked in sets."""

from __future__ import annotations

import importlib

import pytest
from django.db import IntegrityError, connection, transaction

from catalog.models import Station
from tests.catalog.one_of_each import one_of_each

REFERENCES: dict[str, dict[str, str]] = importlib.import_module(
    "catalog.migrations.0011_check_references_of_readings_a_statement_at_once"
).REFERENCES
COLUMNS = [(child, column) for child, columns in REFERENCES.items() for column in columns]
pytestmark = pytest.mark.django_db
NOBODY = 9_000_000_000


def refused(statement: str, *parameters: object) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL catalog.removing_synthetic = 'on'")
            cursor.execute(statement, parameters)
    except IntegrityError as error:
        return getattr(error.__cause__, "sqlstate", "") == "23503"  # foreign_key_violation
    return False


@pytest.mark.parametrize(("child", "column"), COLUMNS)
def test_row_that_refers_to_nothing_is_refused(child: str, column: str) -> None:
    one_of_each()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns"
            " WHERE table_name = %s AND column_name NOT IN ('id', %s)",
            [child, column],
        )
        others = cursor.fetchone()[0]
    copied = f"INSERT INTO {child} ({column}, {others}) SELECT %s, {others} FROM {child} LIMIT 1"
    assert refused(copied, NOBODY)


@pytest.mark.parametrize(("child", "column"), COLUMNS)
def test_row_still_referred_to_is_not_deleted(child: str, column: str) -> None:
    one_of_each()
    parent = REFERENCES[child][column]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {child} WHERE {column} IS NOT NULL LIMIT 1")
        row = cursor.fetchone()
    if row is None:  # the sample row refers to nothing in this column
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT id FROM {parent} LIMIT 1")
            row = cursor.fetchone()
            cursor.execute(f"ALTER TABLE {child} DISABLE TRIGGER refuse_rewrite")
            cursor.execute(f"UPDATE {child} SET {column} = %s", row)
            cursor.execute(f"ALTER TABLE {child} ENABLE TRIGGER refuse_rewrite")
    assert refused(f"DELETE FROM {parent} WHERE id = %s", row[0])


def test_station_of_a_pick_cannot_become_one_that_is_not_there() -> None:
    one_of_each()
    assert refused("UPDATE catalog_pick SET station_id = %s", NOBODY)
    assert not refused("UPDATE catalog_pick SET station_id = %s", Station.objects.get().pk)
    assert not refused("UPDATE catalog_pick SET station_id = NULL")
