"""Keep what became of every station on each magnitude scale; rows never change but for their end."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

#: table -> columns that may change; see migration 0002
GUARDED = {"catalog_magnitudeassessment": "superseded_at"}


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0022_event_types"),
    ]

    operations = [
        migrations.CreateModel(
            name="MagnitudeAssessment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "scale",
                    models.CharField(
                        help_text="Id of the scale's record.", max_length=20, verbose_name="scale"
                    ),
                ),
                ("type", models.CharField(max_length=20, verbose_name="type")),
                (
                    "reason",
                    models.CharField(
                        blank=True, max_length=30, verbose_name="why there is no network value"
                    ),
                ),
                (
                    "calibration",
                    models.CharField(
                        blank=True,
                        help_text="Its version, if one was fitted.",
                        max_length=60,
                        verbose_name="calibration",
                    ),
                ),
                ("method_id", models.CharField(max_length=150, verbose_name="method")),
                (
                    "inputs",
                    models.CharField(help_text="SHA-256 of all that went in.", max_length=64),
                ),
                ("stations", models.JSONField(default=list, verbose_name="stations")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="stored"),
                ),
                ("superseded_at", models.DateTimeField(blank=True, null=True)),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="magnitude_assessments",
                        to="catalog.event",
                    ),
                ),
                (
                    "magnitude",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="assessment",
                        to="catalog.magnitude",
                    ),
                ),
                (
                    "origin",
                    models.ForeignKey(
                        blank=True,
                        help_text="Distances and depth are from it.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.origin",
                    ),
                ),
            ],
            options={
                "verbose_name": "magnitude assessment",
                "verbose_name_plural": "magnitude assessments",
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("superseded_at", None)),
                        fields=("event", "scale"),
                        name="assessment_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("magnitude__isnull", False), ("reason", "")),
                            models.Q(
                                ("magnitude__isnull", True), models.Q(("reason", ""), _negated=True)
                            ),
                            _connector="OR",
                        ),
                        name="assessment_says_why",
                    ),
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
