"""Keep channels with their StationXML, and the files these came in.

A file as received is never deleted and never changes; what its last reading found may. The guard
fires on the fixed columns only: else every reading would compare the whole file with itself.
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

#: table -> columns that may change
GUARDED = {
    "catalog_stationfile": "read_at,station_count,channel_count,response_count,problem_count",
}
FIXED = "id, sha256, name, size, content, uploader_id, received_at"


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0013_keep_plain_events_whole"),
    ]

    operations = [
        migrations.AddField(
            model_name="network",
            name="end",
            field=models.DateTimeField(blank=True, null=True, verbose_name="to"),
        ),
        migrations.AddField(
            model_name="network",
            name="restricted_status",
            field=models.CharField(
                blank=True,
                choices=[("open", "open"), ("closed", "closed"), ("partial", "partial")],
                max_length=7,
                verbose_name="restriction of the data",
            ),
        ),
        migrations.AddField(
            model_name="network",
            name="start",
            field=models.DateTimeField(blank=True, null=True, verbose_name="from"),
        ),
        migrations.AddField(
            model_name="network",
            name="updated_at",
            field=models.DateTimeField(auto_now=True, verbose_name="updated"),
        ),
        migrations.AddField(
            model_name="station",
            name="updated_at",
            field=models.DateTimeField(auto_now=True, verbose_name="updated"),
        ),
        migrations.CreateModel(
            name="StationFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sha256", models.CharField(editable=False, max_length=64, unique=True)),
                ("name", models.CharField(max_length=255, verbose_name="file name")),
                ("size", models.PositiveBigIntegerField(verbose_name="size, bytes")),
                ("content", models.BinaryField()),
                (
                    "received_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="received"
                    ),
                ),
                (
                    "read_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="read"),
                ),
                ("station_count", models.PositiveIntegerField(default=0, verbose_name="stations")),
                ("channel_count", models.PositiveIntegerField(default=0, verbose_name="channels")),
                (
                    "response_count",
                    models.PositiveIntegerField(default=0, verbose_name="responses"),
                ),
                ("problem_count", models.PositiveIntegerField(default=0, verbose_name="problems")),
                (
                    "uploader",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: by the command.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="station_files",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "StationXML file",
                "verbose_name_plural": "StationXML files",
                "ordering": ["-read_at"],
            },
        ),
        migrations.CreateModel(
            name="StationDescription",
            fields=[
                (
                    "station",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="description",
                        serialize=False,
                        to="catalog.station",
                    ),
                ),
                ("start", models.DateTimeField(blank=True, null=True, verbose_name="from")),
                ("end", models.DateTimeField(blank=True, null=True, verbose_name="to")),
                (
                    "restricted_status",
                    models.CharField(
                        blank=True,
                        choices=[("open", "open"), ("closed", "closed"), ("partial", "partial")],
                        max_length=7,
                        verbose_name="restriction of the data",
                    ),
                ),
                ("xml", models.BinaryField()),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="descriptions",
                        to="catalog.stationfile",
                    ),
                ),
            ],
            options={
                "verbose_name": "description of a station",
                "verbose_name_plural": "descriptions of stations",
            },
        ),
        migrations.CreateModel(
            name="StationFileProblem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("line_number", models.PositiveIntegerField(blank=True, null=True)),
                ("code", models.CharField(max_length=30)),
                ("field", models.CharField(blank=True, max_length=100)),
                ("found", models.CharField(blank=True, max_length=200)),
                ("expected", models.CharField(blank=True, max_length=200)),
                ("severity", models.CharField(default="warning", max_length=10)),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="problems",
                        to="catalog.stationfile",
                    ),
                ),
            ],
            options={
                "verbose_name": "problem of a StationXML file",
                "verbose_name_plural": "problems of StationXML files",
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="Channel",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "location_code",
                    models.CharField(blank=True, max_length=10, verbose_name="location code"),
                ),
                ("code", models.CharField(max_length=10, verbose_name="channel code")),
                ("start", models.DateTimeField(blank=True, null=True, verbose_name="from")),
                ("end", models.DateTimeField(blank=True, null=True, verbose_name="to")),
                (
                    "latitude",
                    models.FloatField(help_text="Degrees, WGS 84.", verbose_name="latitude"),
                ),
                (
                    "longitude",
                    models.FloatField(help_text="Degrees, WGS 84.", verbose_name="longitude"),
                ),
                ("elevation_m", models.FloatField(verbose_name="elevation, m")),
                (
                    "depth_m",
                    models.FloatField(
                        help_text="Below the surface.", verbose_name="depth of the sensor, m"
                    ),
                ),
                (
                    "azimuth_deg",
                    models.FloatField(
                        blank=True,
                        help_text="Degrees clockwise from north.",
                        null=True,
                        verbose_name="azimuth",
                    ),
                ),
                (
                    "dip_deg",
                    models.FloatField(
                        blank=True,
                        help_text="Degrees down from the horizontal.",
                        null=True,
                        verbose_name="dip",
                    ),
                ),
                (
                    "sample_rate_hz",
                    models.FloatField(blank=True, null=True, verbose_name="sample rate, Hz"),
                ),
                ("sensor", models.CharField(blank=True, max_length=200, verbose_name="sensor")),
                (
                    "sensitivity",
                    models.FloatField(blank=True, null=True, verbose_name="sensitivity"),
                ),
                (
                    "sensitivity_frequency_hz",
                    models.FloatField(
                        blank=True, null=True, verbose_name="frequency of the sensitivity, Hz"
                    ),
                ),
                (
                    "sensitivity_units",
                    models.CharField(blank=True, max_length=50, verbose_name="input units"),
                ),
                (
                    "restricted_status",
                    models.CharField(
                        blank=True,
                        choices=[("open", "open"), ("closed", "closed"), ("partial", "partial")],
                        max_length=7,
                        verbose_name="restriction of the data",
                    ),
                ),
                (
                    "xml",
                    models.BinaryField(help_text="The element without its response, compressed."),
                ),
                ("response", models.BinaryField(help_text="The response, compressed.", null=True)),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated")),
                (
                    "station",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="channels",
                        to="catalog.station",
                    ),
                ),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="channels",
                        to="catalog.stationfile",
                    ),
                ),
            ],
            options={
                "verbose_name": "channel",
                "verbose_name_plural": "channels",
                "ordering": ["station", "location_code", "code", "start"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("station", "location_code", "code", "start"),
                        name="channel_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("end__isnull", True),
                            ("start__isnull", True),
                            ("end__gt", models.F("start")),
                            _connector="OR",
                        ),
                        name="channel_epoch_order",
                    ),
                ],
            },
        ),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER refuse_rewrite BEFORE UPDATE OF {FIXED} OR DELETE ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION catalog_refuse_rewrite('{allowed}')",
                f"DROP TRIGGER refuse_rewrite ON {table}",
            )
            for table, allowed in GUARDED.items()
        ),
    ]
