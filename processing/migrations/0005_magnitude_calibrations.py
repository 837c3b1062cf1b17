"""Keep fitted calibrations of magnitude scales; rows are guarded like what was reported."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

#: table -> columns that may change
GUARDED = {"processing_magnitudecalibration": "status,status_changed_by_id,status_changed_at,note"}


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0023_magnitude_assessments"),
        ("processing", "0004_keep_joint_relocations"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="MagnitudeCalibration",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.CharField(max_length=60, unique=True, verbose_name="version")),
                (
                    "scale",
                    models.CharField(
                        help_text="Id of the scale's record.", max_length=20, verbose_name="scale"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("sigma", "distance curve"), ("offset", "offset")],
                        max_length=6,
                        verbose_name="kind",
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
                ("method_id", models.CharField(max_length=150, verbose_name="method")),
                ("distance_from_km", models.FloatField(verbose_name="distance from, km")),
                ("distance_to_km", models.FloatField(verbose_name="distance to, km")),
                ("knots_km", models.JSONField(default=list, verbose_name="knots, km")),
                ("sigma", models.JSONField(default=list, verbose_name="curve at the knots")),
                (
                    "sigma_errors",
                    models.JSONField(default=list, verbose_name="standard errors of the curve"),
                ),
                ("offset", models.FloatField(default=0.0, verbose_name="offset")),
                (
                    "offset_error",
                    models.FloatField(default=0.0, verbose_name="standard error of the offset"),
                ),
                ("station_terms", models.JSONField(default=dict, verbose_name="station terms")),
                (
                    "residual_sigma",
                    models.FloatField(
                        help_text="Of one station's value, of events left out of the fit.",
                        verbose_name="residual sigma",
                    ),
                ),
                ("residual_rms", models.FloatField(verbose_name="root mean square of the same")),
                ("event_count", models.PositiveIntegerField(verbose_name="events")),
                ("station_count", models.PositiveIntegerField(verbose_name="stations")),
                ("reading_count", models.PositiveIntegerField(verbose_name="readings")),
                ("first_event", models.DateTimeField(verbose_name="first event")),
                ("last_event", models.DateTimeField(verbose_name="last event")),
                (
                    "parameters",
                    models.JSONField(blank=True, default=dict, verbose_name="parameters"),
                ),
                ("residuals", models.JSONField(blank=True, default=list, verbose_name="residuals")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="stored"),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("proposed", "proposed"),
                            ("accepted", "accepted"),
                            ("withdrawn", "withdrawn"),
                        ],
                        default="proposed",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("status_changed_at", models.DateTimeField(blank=True, null=True)),
                ("note", models.TextField(blank=True, max_length=2000, verbose_name="note")),
                (
                    "agency",
                    models.ForeignKey(
                        blank=True,
                        help_text="Whose published values it follows. Empty: those of all, by their median.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.agency",
                        verbose_name="agency",
                    ),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "status_changed_by",
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
                "verbose_name": "magnitude calibration",
                "verbose_name_plural": "magnitude calibrations",
                "ordering": ["-pk"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("version", ""), _negated=True),
                            models.Q(("scale", ""), _negated=True),
                        ),
                        name="calibration_is_named",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("event_count__gt", 0),
                            ("reading_count__gt", 0),
                            ("station_count__gt", 0),
                        ),
                        name="calibration_has_events",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("last_event__gte", models.F("first_event"))),
                        name="calibration_span_order",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("distance_from_km__gte", 0),
                            ("distance_to_km__gt", models.F("distance_from_km")),
                            ("distance_to_km__lt", float("inf")),
                            ("offset__gt", float("-inf")),
                            ("offset__lt", float("inf")),
                            ("residual_sigma__gt", 0),
                            ("residual_sigma__lt", float("inf")),
                        ),
                        name="calibration_finite",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["sigma", "offset"])),
                        name="calibration_kind_known",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status", "accepted")),
                        fields=("scale", "agency", "synthetic"),
                        name="one_calibration_accepted",
                        nulls_distinct=False,
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
