"""Keep agencies' own travel-time tables; rows are guarded like what was reported."""

import django.contrib.gis.db.models.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

#: table -> columns that may change
GUARDED = {"processing_traveltimetable": "status,status_changed_by_id,status_changed_at"}


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0011_check_references_of_readings_a_statement_at_once"),
        ("processing", "0002_keep_station_corrections"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="TravelTimeTable",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.SlugField(max_length=40, verbose_name="name")),
                ("version", models.PositiveIntegerField(verbose_name="version")),
                ("title", models.CharField(max_length=100, verbose_name="title")),
                ("provenance", models.TextField(max_length=2000, verbose_name="provenance")),
                ("content", models.TextField(editable=False)),
                ("sha256", models.CharField(max_length=64)),
                ("phases", models.JSONField(verbose_name="phases")),
                ("distance_from_deg", models.FloatField()),
                ("distance_to_deg", models.FloatField()),
                ("depth_from_km", models.FloatField()),
                ("depth_to_km", models.FloatField()),
                (
                    "region",
                    django.contrib.gis.db.models.fields.PolygonField(
                        blank=True,
                        help_text="Where the table is used unasked. Empty: only by name.",
                        null=True,
                        srid=4326,
                        verbose_name="region",
                    ),
                ),
                ("full_to_deg", models.FloatField()),
                ("none_beyond_deg", models.FloatField()),
                ("full_to_km", models.FloatField()),
                ("none_beyond_km", models.FloatField()),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "draft"),
                            ("in-use", "in use"),
                            ("withdrawn", "withdrawn"),
                        ],
                        default="draft",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("uploaded_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("status_changed_at", models.DateTimeField(null=True)),
                (
                    "agency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="travel_time_tables",
                        to="catalog.agency",
                        verbose_name="agency",
                    ),
                ),
                (
                    "status_changed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "uploaded_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "travel-time table",
                "verbose_name_plural": "travel-time tables",
                "ordering": ["name", "-version"],
                "constraints": [
                    models.UniqueConstraint(fields=("name", "version"), name="travel_time_version"),
                    models.UniqueConstraint(
                        condition=models.Q(("status", "in-use")),
                        fields=("name",),
                        name="one_travel_time_table_in_use",
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
