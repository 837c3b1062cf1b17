"""Check the references of picks, arrivals, amplitudes and station magnitudes in sets.

A row of these tables refers to up to five others, and a bulletin has tens of such rows an event. A
foreign key asks for each of them alone: measured, that was more than half of what PostgreSQL spends
on storing a bulletin. Here each statement's new rows are asked about at once, and the other side
refuses to lose a row that is still referred to; both fail as a foreign key does.

What a foreign key also does and this does not: it locks the row referred to until the end of the
transaction. Only stations are ever deleted beside the command that removes synthetic data, which
locks out other writers itself; so only stations are locked here.
"""

import django.db.models.deletion
from django.db import migrations, models

#: table -> its references: column, the table it refers to
REFERENCES = {
    "catalog_pick": {
        "reading_id": "catalog_bulletinreading",
        "entry_id": "catalog_bulletinentry",
        "station_id": "catalog_station",
    },
    "catalog_arrival": {"origin_id": "catalog_origin", "pick_id": "catalog_pick"},
    "catalog_amplitude": {
        "entry_id": "catalog_bulletinentry",
        "pick_id": "catalog_pick",
        "station_id": "catalog_station",
    },
    "catalog_stationmagnitude": {
        "entry_id": "catalog_bulletinentry",
        "origin_id": "catalog_origin",
        "magnitude_id": "catalog_magnitude",
        "amplitude_id": "catalog_amplitude",
        "station_id": "catalog_station",
    },
}

CHECK = """
CREATE FUNCTION catalog_check_references() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    reference text;
    column_name text;
    parent text;
    missing bigint;
BEGIN
    FOREACH reference IN ARRAY TG_ARGV LOOP
        column_name := split_part(reference, ':', 1);
        parent := split_part(reference, ':', 2);
        IF parent = 'catalog_station' THEN
            EXECUTE format(
                'SELECT FROM %1$I p WHERE p.id IN (SELECT %2$I FROM new_rows) FOR KEY SHARE',
                parent, column_name
            );
        END IF;
        EXECUTE format(
            'SELECT n.id FROM (SELECT DISTINCT %2$I AS id FROM new_rows) n'
            ' WHERE n.id IS NOT NULL AND NOT EXISTS (SELECT FROM %1$I p WHERE p.id = n.id) LIMIT 1',
            parent, column_name
        ) INTO missing;
        IF missing IS NOT NULL THEN
            RAISE EXCEPTION 'a row of % refers to % %, which is not there',
                TG_TABLE_NAME, parent, missing
                USING ERRCODE = 'foreign_key_violation', TABLE = TG_TABLE_NAME,
                    COLUMN = column_name;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$
"""

KEEP = """
CREATE FUNCTION catalog_refuse_orphans() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    reference text;
    child text;
    column_name text;
    kept bigint;
BEGIN
    FOREACH reference IN ARRAY TG_ARGV LOOP
        child := split_part(reference, ':', 1);
        column_name := split_part(reference, ':', 2);
        EXECUTE format(
            'SELECT o.id FROM old_rows o WHERE EXISTS'
            ' (SELECT FROM %1$I c WHERE c.%2$I = o.id) LIMIT 1',
            child, column_name
        ) INTO kept;
        IF kept IS NOT NULL THEN
            RAISE EXCEPTION '% % is still referred to by %', TG_TABLE_NAME, kept, child
                USING ERRCODE = 'foreign_key_violation', TABLE = child, COLUMN = column_name;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$
"""


def quoted(references):
    return ", ".join(f"'{reference}'" for reference in references)


def guards():
    """Yield the triggers of both sides, each with the statement that takes it back."""
    parents = {}
    for child, columns in REFERENCES.items():
        arguments = quoted(f"{column}:{parent}" for column, parent in columns.items())
        for verb in ("INSERT", "UPDATE"):
            name = f"check_references_{verb.lower()}"
            yield migrations.RunSQL(
                f"CREATE TRIGGER {name} AFTER {verb} ON {child} REFERENCING NEW TABLE AS new_rows"
                f" FOR EACH STATEMENT EXECUTE FUNCTION catalog_check_references({arguments})",
                f"DROP TRIGGER {name} ON {child}",
            )
        for column, parent in columns.items():
            parents.setdefault(parent, []).append(f"{child}:{column}")
    for parent, children in parents.items():
        yield migrations.RunSQL(
            f"CREATE TRIGGER refuse_orphans AFTER DELETE ON {parent}"
            " REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT"
            f" EXECUTE FUNCTION catalog_refuse_orphans({quoted(children)})",
            f"DROP TRIGGER refuse_orphans ON {parent}",
        )


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0010_count_failed_sign_ins"),
    ]

    operations = [
        migrations.AlterField(
            model_name="amplitude",
            name="entry",
            field=models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="amplitudes",
                to="catalog.bulletinentry",
            ),
        ),
        migrations.AlterField(
            model_name="amplitude",
            name="pick",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="amplitudes",
                to="catalog.pick",
            ),
        ),
        migrations.AlterField(
            model_name="amplitude",
            name="station",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.station",
            ),
        ),
        migrations.AlterField(
            model_name="arrival",
            name="origin",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="arrivals",
                to="catalog.origin",
            ),
        ),
        migrations.AlterField(
            model_name="arrival",
            name="pick",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="arrivals",
                to="catalog.pick",
            ),
        ),
        migrations.AlterField(
            model_name="pick",
            name="entry",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                help_text="Empty: a reading without an event.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="picks",
                to="catalog.bulletinentry",
            ),
        ),
        migrations.AlterField(
            model_name="pick",
            name="reading",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="picks",
                to="catalog.bulletinreading",
            ),
        ),
        migrations.AlterField(
            model_name="pick",
            name="station",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                help_text="Empty: the code could not be resolved.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="picks",
                to="catalog.station",
            ),
        ),
        migrations.AlterField(
            model_name="stationmagnitude",
            name="amplitude",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.amplitude",
            ),
        ),
        migrations.AlterField(
            model_name="stationmagnitude",
            name="entry",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="station_magnitudes",
                to="catalog.bulletinentry",
            ),
        ),
        migrations.AlterField(
            model_name="stationmagnitude",
            name="magnitude",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                help_text="The network value it contributes to.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="station_magnitudes",
                to="catalog.magnitude",
            ),
        ),
        migrations.AlterField(
            model_name="stationmagnitude",
            name="origin",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="station_magnitudes",
                to="catalog.origin",
            ),
        ),
        migrations.AlterField(
            model_name="stationmagnitude",
            name="station",
            field=models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.station",
            ),
        ),
        migrations.AddIndex(
            model_name="pick",
            index=models.Index(
                condition=models.Q(("entry__isnull", True)),
                fields=["reading"],
                name="pick_of_reading",
            ),
        ),
        migrations.RunSQL(CHECK, "DROP FUNCTION catalog_check_references()"),
        migrations.RunSQL(KEEP, "DROP FUNCTION catalog_refuse_orphans()"),
        *guards(),
    ]
