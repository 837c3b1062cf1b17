"""Keep waveforms of events and what is measured on them; both read-only, but for their status."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

#: table -> columns that may change; see migration 0002
GUARDED = {
    "catalog_waveformfile": "status,read_at,traces,problems,withdrawn_at,withdrawn_by_id",
    "catalog_waveformchunk": "",
    "catalog_waveformmeasurement": "superseded_at,station_id",
}


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0024_conversion_relations"),
    ]

    operations = [
        migrations.CreateModel(
            name="WaveformFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sha256", models.CharField(editable=False, max_length=64)),
                ("name", models.CharField(max_length=255, verbose_name="file name")),
                ("size", models.PositiveBigIntegerField(verbose_name="size, bytes")),
                (
                    "kind",
                    models.CharField(
                        choices=[("miniseed", "MiniSEED"), ("sac", "SAC")],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                (
                    "received_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="received"
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "waiting"),
                            ("read", "read"),
                            ("failed", "could not be read"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("read_at", models.DateTimeField(blank=True, null=True, verbose_name="read")),
                ("traces", models.JSONField(blank=True, default=list)),
                ("problems", models.JSONField(blank=True, default=list)),
                (
                    "withdrawn_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="withdrawn"),
                ),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="waveform_files",
                        to="catalog.event",
                    ),
                ),
                (
                    "uploader",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="waveform_files",
                        to=settings.AUTH_USER_MODEL,
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
                "verbose_name": "waveform file",
                "verbose_name_plural": "waveform files",
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="WaveformChunk",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("ordinal", models.PositiveIntegerField()),
                ("data", models.BinaryField()),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="chunks",
                        to="catalog.waveformfile",
                    ),
                ),
            ],
            options={
                "verbose_name": "part of a waveform file",
                "verbose_name_plural": "parts of waveform files",
            },
        ),
        migrations.CreateModel(
            name="WaveformMeasurement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "trace_id",
                    models.CharField(
                        help_text="Network, station, location, channel.",
                        max_length=40,
                        verbose_name="channel",
                    ),
                ),
                ("component", models.CharField(max_length=1, verbose_name="component")),
                (
                    "latitude",
                    models.FloatField(
                        help_text="Of the sensor, deg.", null=True, verbose_name="latitude"
                    ),
                ),
                (
                    "longitude",
                    models.FloatField(
                        help_text="Of the sensor, deg.", null=True, verbose_name="longitude"
                    ),
                ),
                ("distance_deg", models.FloatField(null=True, verbose_name="distance, deg")),
                (
                    "scale",
                    models.CharField(
                        help_text="Id of the scale's record.", max_length=20, verbose_name="scale"
                    ),
                ),
                ("wave", models.CharField(max_length=1, verbose_name="wave")),
                ("instrument", models.CharField(max_length=20, verbose_name="instrument")),
                (
                    "amplitude",
                    models.FloatField(
                        help_text="In the unit of the scale: nm or nm/s.",
                        null=True,
                        verbose_name="amplitude",
                    ),
                ),
                ("period", models.FloatField(null=True, verbose_name="period, s")),
                ("time", models.DateTimeField(null=True, verbose_name="time of the extremum")),
                ("pair", models.JSONField(blank=True, default=list)),
                (
                    "noise",
                    models.FloatField(
                        help_text="Half of it from lowest to highest, on the trace.",
                        null=True,
                        verbose_name="noise",
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        help_text="Empty: the value may be used.",
                        max_length=30,
                        verbose_name="outcome",
                    ),
                ),
                ("p_time", models.DateTimeField(null=True, verbose_name="predicted P")),
                ("s_time", models.DateTimeField(null=True, verbose_name="predicted S")),
                ("noise_from", models.DateTimeField(null=True)),
                ("noise_to", models.DateTimeField(null=True)),
                ("window_from", models.DateTimeField(null=True, verbose_name="window from")),
                ("window_to", models.DateTimeField(null=True, verbose_name="window to")),
                ("turns", models.BinaryField(null=True)),
                ("method_id", models.CharField(max_length=150, verbose_name="method")),
                (
                    "parameters",
                    models.JSONField(blank=True, default=dict, verbose_name="parameters"),
                ),
                (
                    "inputs",
                    models.CharField(help_text="SHA-256 of all that went in.", max_length=64),
                ),
                (
                    "act",
                    models.CharField(
                        choices=[
                            ("automatic", "measured"),
                            ("moved", "moved"),
                            ("rejected", "rejected"),
                            ("restored", "as measured again"),
                        ],
                        default="automatic",
                        max_length=10,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=500, verbose_name="note")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="stored"),
                ),
                ("superseded_at", models.DateTimeField(blank=True, null=True)),
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
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="waveform_measurements",
                        to="catalog.event",
                    ),
                ),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="measurements",
                        to="catalog.waveformfile",
                    ),
                ),
                (
                    "origin",
                    models.ForeignKey(
                        blank=True,
                        help_text="The windows are from it.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.origin",
                    ),
                ),
                (
                    "station",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.station",
                    ),
                ),
                (
                    "supersedes",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="superseded_by",
                        to="catalog.waveformmeasurement",
                    ),
                ),
            ],
            options={
                "verbose_name": "waveform measurement",
                "verbose_name_plural": "waveform measurements",
                "ordering": ["distance_deg", "trace_id", "scale", "pk"],
            },
        ),
        migrations.AddConstraint(
            model_name="waveformfile",
            constraint=models.UniqueConstraint(
                fields=("event", "sha256"), name="waveform_file_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="waveformchunk",
            constraint=models.UniqueConstraint(
                fields=("file", "ordinal"), name="waveform_chunk_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="waveformmeasurement",
            constraint=models.UniqueConstraint(
                condition=models.Q(("superseded_at", None)),
                fields=("event", "trace_id", "scale"),
                name="waveform_measurement_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="waveformmeasurement",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("amplitude__isnull", False),
                    models.Q(("outcome", ""), _negated=True),
                    _connector="OR",
                ),
                name="waveform_value_or_reason",
            ),
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
