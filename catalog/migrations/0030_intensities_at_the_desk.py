"""Intensities and consequences that an editor enters, and what was changed of settlements.

An edit of a settlement is never rewritten.
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

#: table -> columns that may change; see migration 0002
GUARDED = {
    "catalog_settlementedit": "",
}


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0029_felt_decisions"),
    ]

    operations = [
        migrations.AddField(
            model_name="consequence",
            name="date",
            field=models.DateField(blank=True, null=True, verbose_name="as of"),
        ),
        migrations.AddField(
            model_name="consequence",
            name="report",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.report",
            ),
        ),
        migrations.AddField(
            model_name="intensityobservation",
            name="recorded_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="intensityobservation",
            name="report",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="catalog.report",
            ),
        ),
        migrations.AlterField(
            model_name="mergedecision",
            name="kind",
            field=models.CharField(
                choices=[
                    ("new-event", "opened a new event"),
                    ("associate", "joined to an event"),
                    ("supersede", "newer report of the same agency"),
                    ("move", "moved to another event"),
                    ("merge", "events merged"),
                    ("split", "event split"),
                    ("prefer", "preferred solution changed"),
                    ("same", "held to be the same event"),
                    ("different", "held to be different events"),
                    ("later", "put off"),
                    ("review", "left for review"),
                    ("accept-pick", "reading accepted"),
                    ("reject-pick", "reading rejected"),
                    ("locate", "location accepted"),
                    ("expire", "automatic report not confirmed by the final bulletin"),
                    ("revive", "no longer held to be not confirmed"),
                    ("type", "event type decided"),
                    ("interpret", "interpretation added"),
                    ("intensity", "intensity entered"),
                    ("consequence", "consequence entered"),
                    ("undo", "earlier decision undone"),
                ],
                max_length=12,
                verbose_name="kind",
            ),
        ),
        migrations.CreateModel(
            name="SettlementEdit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("before", models.JSONField(blank=True, default=dict)),
                ("after", models.JSONField(default=dict)),
                ("note", models.CharField(blank=True, max_length=500, verbose_name="note")),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "actor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "settlement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="edits",
                        to="catalog.settlement",
                    ),
                ),
            ],
            options={
                "verbose_name": "edit of a settlement",
                "verbose_name_plural": "edits of settlements",
                "ordering": ["-pk"],
            },
        ),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER refuse_rewrite BEFORE UPDATE OR DELETE ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION catalog_refuse_rewrite('{allowed}')",
                f"DROP TRIGGER refuse_rewrite ON {table}",
            )
            for table, allowed in GUARDED.items()
        ),
    ]
