"""Make reported rows, raw bytes, the ledger and the feed read-only; start the feed; name the groups.

A row trigger refuses DELETE, and UPDATE of any column that is not a listed status column. The one
way past it for DELETE is the command that removes synthetic data, which says so for its transaction
(``SET LOCAL catalog.removing_synthetic = 'on'``).
"""

from django.db import migrations

#: table -> columns that may change
GUARDED = {
    "catalog_bulletinfile": "",
    "catalog_bulletinchunk": "",
    "catalog_bulletinreading": "is_current,status,read_at,entry_count,problem_count,encoding",
    "catalog_bulletinentry": "superseded_at,associated_at",
    "catalog_bulletinproblem": "",
    "catalog_report": "event_id,current_entry_id,withdrawn_at",
    "catalog_origin": "event_id,superseded_at",
    "catalog_magnitude": "event_id,superseded_at",
    "catalog_focalmechanism": "event_id,superseded_at",
    "catalog_intensityobservation": "event_id,superseded_at,settlement_id",
    "catalog_eventdescription": "event_id,superseded_at",
    "catalog_pick": "station_id",
    "catalog_arrival": "",
    "catalog_amplitude": "station_id",
    "catalog_stationmagnitude": "station_id",
    "catalog_mergedecision": "",
    "catalog_change": "",
    # An event is never deleted and never changes its name; all else about it may move.
    "catalog_event": (
        "event_type,event_type_certainty,status,merged_into_id,preferred_origin_id,"
        "preferred_magnitude_id,preferred_focal_mechanism_id,preference,evidence_version,"
        "published_version"
    ),
}

FUNCTION = """
CREATE FUNCTION catalog_refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    allowed text[] := string_to_array(TG_ARGV[0], ',');
    changed text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_setting('catalog.removing_synthetic', true) = 'on' THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'rows of % are never deleted', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    SELECT string_agg(o.key, ', ') INTO changed
    FROM jsonb_each(to_jsonb(OLD)) o
    JOIN jsonb_each(to_jsonb(NEW)) n ON n.key = o.key
    WHERE o.value IS DISTINCT FROM n.value AND NOT o.key = ANY (allowed);
    IF changed IS NOT NULL THEN
        RAISE EXCEPTION 'rows of % keep what was written: %', TG_TABLE_NAME, changed
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END
$$
"""

ON_EARTH = "CHECK (ST_X(point) BETWEEN -180 AND 180 AND ST_Y(point) BETWEEN -90 AND 90)"


def name_groups(apps, schema_editor):
    group = apps.get_model("auth", "Group")
    for name in ("operator", "editor", "administrator"):
        group.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [("catalog", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION catalog_refuse_rewrite()"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER refuse_rewrite BEFORE UPDATE OR DELETE ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION catalog_refuse_rewrite('{allowed}')",
                f"DROP TRIGGER refuse_rewrite ON {table}",
            )
            for table, allowed in GUARDED.items()
        ),
        *(
            migrations.RunSQL(
                f"ALTER TABLE {table} ADD CONSTRAINT {table}_on_earth {ON_EARTH}",
                f"ALTER TABLE {table} DROP CONSTRAINT {table}_on_earth",
            )
            for table in (
                "catalog_origin",
                "catalog_eventrow",
                "catalog_station",
                "catalog_settlement",
                "catalog_intensityobservation",
            )
        ),
        migrations.RunSQL(
            "INSERT INTO catalog_feedcounter (id, value) VALUES (1, 0)",
            "DELETE FROM catalog_feedcounter",
        ),
        migrations.RunPython(name_groups, migrations.RunPython.noop),
    ]
