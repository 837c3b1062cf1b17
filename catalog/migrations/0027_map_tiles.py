"""Keep the map's tiles and their manifest; a worker makes them after the catalogue has changed."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0026_pack_fragments_by_zstandard"),
    ]

    operations = [
        migrations.CreateModel(
            name="MapManifest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "version",
                    models.BigIntegerField(
                        help_text="Whose events the tiles hold.",
                        null=True,
                        verbose_name="version of the catalogue",
                    ),
                ),
                ("tiles", models.JSONField(default=list, verbose_name="tiles")),
                (
                    "made_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="made"),
                ),
            ],
            options={
                "verbose_name": "list of map tiles",
                "verbose_name_plural": "lists of map tiles",
            },
        ),
        migrations.CreateModel(
            name="MapTile",
            fields=[
                (
                    "hash",
                    models.CharField(
                        help_text="The first half of the SHA-256 of its unpacked bytes.",
                        max_length=32,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("decade", "decade"), ("year", "year"), ("month", "month")],
                        max_length=6,
                        verbose_name="stretch of time",
                    ),
                ),
                ("start_ms", models.BigIntegerField()),
                ("end_ms", models.BigIntegerField()),
                ("count", models.PositiveIntegerField(verbose_name="events")),
                ("size", models.PositiveIntegerField(verbose_name="size, bytes")),
                ("body", models.BinaryField(help_text="Packed by gzip, as it is sent.")),
                (
                    "made_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="made"),
                ),
                (
                    "retired_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="No longer in the manifest; kept a week for pages that are open.",
                        null=True,
                        verbose_name="retired",
                    ),
                ),
            ],
            options={
                "verbose_name": "map tile",
                "verbose_name_plural": "map tiles",
                "ordering": ["-start_ms", "hash"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("retired_at__isnull", False)),
                        fields=["retired_at"],
                        name="tile_retired",
                    )
                ],
            },
        ),
        # The bytes are packed: PostgreSQL need not try it again.
        migrations.RunSQL(
            "ALTER TABLE catalog_maptile ALTER body SET STORAGE EXTERNAL",
            migrations.RunSQL.noop,
        ),
    ]
