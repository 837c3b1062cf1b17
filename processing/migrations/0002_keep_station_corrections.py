"""Station corrections, by version; the database refuses to edit or delete what an estimate gave."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

#: As for what was reported: catalog migration 0002. No column may change.
GUARDED = ("processing_correctionset", "processing_stationcorrection")


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0011_check_references_of_readings_a_statement_at_once"),
        ("processing", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CorrectionSet",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.CharField(max_length=60, unique=True, verbose_name="version")),
                (
                    "earth_model",
                    models.CharField(
                        help_text="As the locator is asked for it.",
                        max_length=100,
                        verbose_name="earth model",
                    ),
                ),
                (
                    "method_id",
                    models.CharField(
                        help_text="Of the locations and of the estimate.",
                        max_length=150,
                        verbose_name="method",
                    ),
                ),
                (
                    "synthetic",
                    models.BooleanField(
                        default=False,
                        help_text="From made-up events: never for real ones.",
                        verbose_name="synthetic",
                    ),
                ),
                ("event_count", models.PositiveIntegerField(verbose_name="events")),
                ("first_event", models.DateTimeField(verbose_name="first event")),
                ("last_event", models.DateTimeField(verbose_name="last event")),
                (
                    "parameters",
                    models.JSONField(blank=True, default=dict, verbose_name="parameters"),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="stored"),
                ),
                (
                    "actor",
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
                "verbose_name": "set of station corrections",
                "verbose_name_plural": "sets of station corrections",
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="StationCorrection",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "wave",
                    models.CharField(
                        choices=[("P", "P"), ("S", "S")], max_length=1, verbose_name="wave"
                    ),
                ),
                (
                    "correction_s",
                    models.FloatField(
                        help_text="What arrivals are late by, after the model.",
                        verbose_name="correction, s",
                    ),
                ),
                ("standard_error", models.FloatField(verbose_name="standard error, s")),
                (
                    "reading_count",
                    models.PositiveIntegerField(
                        help_text="Events read there; each counts once.",
                        verbose_name="number of readings",
                    ),
                ),
                (
                    "set",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="corrections",
                        to="processing.correctionset",
                    ),
                ),
                (
                    "station",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="corrections",
                        to="catalog.station",
                    ),
                ),
            ],
            options={
                "verbose_name": "station correction",
                "verbose_name_plural": "station corrections",
                "ordering": ["set", "station", "wave"],
            },
        ),
        migrations.AddConstraint(
            model_name="correctionset",
            constraint=models.CheckConstraint(
                condition=models.Q(("version", ""), _negated=True),
                name="corrections_have_a_version",
            ),
        ),
        migrations.AddConstraint(
            model_name="correctionset",
            constraint=models.CheckConstraint(
                condition=models.Q(("event_count__gt", 0)), name="corrections_have_events"
            ),
        ),
        migrations.AddConstraint(
            model_name="correctionset",
            constraint=models.CheckConstraint(
                condition=models.Q(("last_event__gte", models.F("first_event"))),
                name="corrections_span_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="stationcorrection",
            constraint=models.UniqueConstraint(
                fields=("set", "station", "wave"), name="correction_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="stationcorrection",
            constraint=models.CheckConstraint(
                condition=models.Q(("wave__in", ["P", "S"])), name="correction_wave_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="stationcorrection",
            constraint=models.CheckConstraint(
                condition=models.Q(("reading_count__gt", 0)), name="correction_has_readings"
            ),
        ),
        migrations.AddConstraint(
            model_name="stationcorrection",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("correction_s__gt", float("-inf")),
                    ("correction_s__lt", float("inf")),
                    ("standard_error__gte", 0),
                    ("standard_error__lt", float("inf")),
                ),
                name="correction_finite",
            ),
        ),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER refuse_rewrite BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION catalog_refuse_rewrite('')",
                f"DROP TRIGGER refuse_rewrite ON {table}",
            )
            for table in GUARDED
        ),
    ]
