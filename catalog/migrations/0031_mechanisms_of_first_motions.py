"""Mechanisms from first motions: how sure they are; reversed stations, words on polarities."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

#: table -> columns that may change; see migration 0002
GUARDED = {
    "catalog_stationpolarityreversal": "withdrawn_by_id,withdrawn_at",
    "catalog_polaritydecision": "",
}


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0030_intensities_at_the_desk"),
    ]

    operations = [
        migrations.AddField(
            model_name="eventrow",
            name="faulting_style",
            field=models.CharField(blank=True, max_length=2),
        ),
        migrations.AddField(
            model_name="focalmechanism",
            name="faulting_style",
            field=models.CharField(blank=True, max_length=2),
        ),
        migrations.AddField(
            model_name="focalmechanism",
            name="probability",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="focalmechanism",
            name="station_distribution_ratio",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="focalmechanism",
            name="takeoff_gap",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="focalmechanism",
            name="uncertainty_deg",
            field=models.FloatField(null=True),
        ),
        migrations.CreateModel(
            name="PolarityDecision",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("keep", "as read"),
                            ("flip", "turned round"),
                            ("drop", "left out"),
                        ],
                        max_length=4,
                        verbose_name="decision",
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=300, verbose_name="note")),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "actor",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="polarity_decisions",
                        to="catalog.event",
                    ),
                ),
                (
                    "station",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.station",
                    ),
                ),
            ],
            options={
                "verbose_name": "decision on a polarity",
                "verbose_name_plural": "decisions on polarities",
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="StationPolarityReversal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("start", models.DateTimeField(verbose_name="from")),
                ("end", models.DateTimeField(blank=True, null=True, verbose_name="until")),
                ("source", models.CharField(max_length=300, verbose_name="source")),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("withdrawn_at", models.DateTimeField(blank=True, null=True)),
                (
                    "recorded_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "station",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="polarity_reversals",
                        to="catalog.station",
                    ),
                ),
                (
                    "withdrawn_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "reversed station",
                "verbose_name_plural": "reversed stations",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("end__isnull", True), ("end__gt", models.F("start")), _connector="OR"
                        ),
                        name="reversal_ends_after_start",
                    )
                ],
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
