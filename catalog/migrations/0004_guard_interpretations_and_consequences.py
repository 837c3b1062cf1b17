"""Make interpretations and consequences read-only too: they are reported rows like the others."""

from django.db import migrations

#: table -> columns that may change; see migration 0002
GUARDED = {
    "catalog_interpretation": "event_id,superseded_at",
    "catalog_consequence": "event_id,superseded_at",
}


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_keep_what_the_records_say_of_stations_and_types")]

    operations = [
        migrations.RunSQL(
            f"CREATE TRIGGER refuse_rewrite BEFORE UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION catalog_refuse_rewrite('{allowed}')",
            f"DROP TRIGGER refuse_rewrite ON {table}",
        )
        for table, allowed in GUARDED.items()
    ]
