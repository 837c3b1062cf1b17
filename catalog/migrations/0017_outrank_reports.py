"""Let an agency's final report stand before its preliminary or automatic one of the same event."""

import django.db.models.deletion
from django.db import migrations, models

#: table -> columns that may change; see migration 0002
GUARDED = {"catalog_report": "event_id,current_entry_id,withdrawn_at,outranked_by_id"}
BEFORE = "event_id,current_entry_id,withdrawn_at"
GUARD = (
    "DROP TRIGGER refuse_rewrite ON catalog_report;"
    " CREATE TRIGGER refuse_rewrite BEFORE UPDATE OR DELETE ON catalog_report"
    " FOR EACH ROW EXECUTE FUNCTION catalog_refuse_rewrite('{}')"
)


class Migration(migrations.Migration):
    dependencies = [("catalog", "0016_tell_of_changes")]

    operations = [
        migrations.AddField(
            model_name="report",
            name="outranked_by",
            field=models.ForeignKey(
                blank=True,
                help_text="The agency's later word on the event: final after preliminary or automatic.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="outranks",
                to="catalog.report",
                verbose_name="replaced by",
            ),
        ),
        migrations.RunSQL(GUARD.format(GUARDED["catalog_report"]), GUARD.format(BEFORE)),
    ]
