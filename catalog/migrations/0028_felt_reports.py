"""What people felt: reports, their ties to events, what they make together; old names of places.

A report is kept as it was sent, a tie is never rewritten. The personal part may be deleted, and
those who only download cannot read it.
"""

import django.contrib.gis.db.models.fields
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

#: table -> columns that may change; see migration 0002
GUARDED = {
    "catalog_feltreport": (
        "event_id,settlement_id,flags,verdict,verdict_by_id,verdict_at,processed_at,"
        "device,address_hash"
    ),
    "catalog_felttie": "",
}

KEEP_PERSONAL_APART = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'portal_download') THEN
        REVOKE ALL ON catalog_feltreportpersonal FROM portal_download;
    END IF;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0027_map_tiles"),
    ]

    operations = [
        migrations.AddField(
            model_name="eventrow",
            name="felt_report_count",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="eventrow",
            name="max_cdi",
            field=models.FloatField(null=True),
        ),
        migrations.AddField(
            model_name="intensityobservation",
            name="effects",
            field=models.TextField(blank=True, default="", verbose_name="effects"),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="settlement",
            name="edited_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="edited"),
        ),
        migrations.AddField(
            model_name="settlement",
            name="old_names",
            field=models.JSONField(blank=True, default=list, verbose_name="old names"),
        ),
        migrations.AlterField(
            model_name="settlement",
            name="other_names",
            field=models.JSONField(blank=True, default=list, verbose_name="other names"),
        ),
        migrations.CreateModel(
            name="FeltReport",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("client_id", models.UUIDField(unique=True, verbose_name="id of the sender")),
                ("felt", models.BooleanField(verbose_name="felt")),
                ("felt_at", models.DateTimeField(blank=True, null=True, verbose_name="felt at")),
                (
                    "place",
                    models.CharField(blank=True, max_length=200, verbose_name="place as written"),
                ),
                (
                    "point",
                    django.contrib.gis.db.models.fields.PointField(
                        blank=True, null=True, srid=4326
                    ),
                ),
                (
                    "precision_km",
                    models.FloatField(
                        blank=True, null=True, verbose_name="precision of the place, km"
                    ),
                ),
                (
                    "place_source",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("settlement", "chosen from the list of settlements"),
                            ("map", "shown on the map"),
                            ("phone", "position of the phone"),
                            ("words", "written in words"),
                        ],
                        max_length=12,
                        verbose_name="place by",
                    ),
                ),
                (
                    "chosen_grade",
                    models.PositiveSmallIntegerField(
                        blank=True, null=True, verbose_name="chosen grade"
                    ),
                ),
                ("answers", models.JSONField(blank=True, default=dict, verbose_name="answers")),
                ("language", models.CharField(max_length=2, verbose_name="language")),
                (
                    "received_at",
                    models.DateTimeField(
                        db_index=True, default=django.utils.timezone.now, verbose_name="received"
                    ),
                ),
                ("device", models.CharField(blank=True, max_length=64)),
                ("address_hash", models.CharField(blank=True, max_length=64)),
                (
                    "flags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40),
                        blank=True,
                        default=list,
                        size=None,
                    ),
                ),
                (
                    "verdict",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "not looked at"),
                            ("accepted", "counts"),
                            ("rejected", "does not count"),
                        ],
                        default="",
                        max_length=8,
                        verbose_name="verdict",
                    ),
                ),
                ("verdict_at", models.DateTimeField(blank=True, null=True)),
                ("processed_at", models.DateTimeField(blank=True, null=True)),
                ("synthetic", models.BooleanField(default=False, verbose_name="synthetic")),
                (
                    "event",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="felt_reports",
                        to="catalog.event",
                        verbose_name="event",
                    ),
                ),
                (
                    "settlement",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="felt_reports",
                        to="catalog.settlement",
                    ),
                ),
                (
                    "verdict_by",
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
                "verbose_name": "felt report",
                "verbose_name_plural": "felt reports",
            },
        ),
        migrations.CreateModel(
            name="FeltReportPersonal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("comment", models.TextField(blank=True, verbose_name="comment")),
                ("name", models.CharField(blank=True, max_length=100, verbose_name="name")),
                (
                    "contact",
                    models.CharField(
                        blank=True, max_length=200, verbose_name="telephone or e-mail"
                    ),
                ),
                (
                    "report",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="personal",
                        to="catalog.feltreport",
                    ),
                ),
            ],
            options={
                "verbose_name": "personal part of a felt report",
                "verbose_name_plural": "personal parts of felt reports",
            },
        ),
        migrations.CreateModel(
            name="FeltTie",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("rule", models.CharField(max_length=60, verbose_name="rule")),
                ("terms", models.JSONField(blank=True, default=dict)),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now)),
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
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.event",
                    ),
                ),
                (
                    "previous",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.event",
                    ),
                ),
                (
                    "report",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ties",
                        to="catalog.feltreport",
                    ),
                ),
            ],
            options={
                "verbose_name": "tie of a felt report",
                "verbose_name_plural": "ties of felt reports",
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="MacroseismicAssessment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("document", models.JSONField(default=dict)),
                ("method_id", models.CharField(max_length=60, verbose_name="method")),
                ("computed_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="macroseismic_assessment",
                        to="catalog.event",
                    ),
                ),
            ],
            options={
                "verbose_name": "macroseismic assessment",
                "verbose_name_plural": "macroseismic assessments",
            },
        ),
        migrations.CreateModel(
            name="CommunityIntensity",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "area",
                    models.CharField(
                        choices=[
                            ("1km", "cell of 1 km"),
                            ("10km", "cell of 10 km"),
                            ("settlement", "settlement"),
                        ],
                        max_length=10,
                        verbose_name="area",
                    ),
                ),
                ("code", models.CharField(max_length=40, verbose_name="code")),
                (
                    "outline",
                    django.contrib.gis.db.models.fields.PolygonField(
                        blank=True, null=True, srid=4326
                    ),
                ),
                ("point", django.contrib.gis.db.models.fields.PointField(srid=4326)),
                ("report_count", models.PositiveIntegerField(verbose_name="reports")),
                (
                    "not_felt_count",
                    models.PositiveIntegerField(verbose_name="reports of not having felt it"),
                ),
                ("cws", models.FloatField(verbose_name="community weighted sum")),
                ("cdi", models.FloatField(verbose_name="community decimal intensity")),
                (
                    "msk64",
                    models.FloatField(
                        blank=True, null=True, verbose_name="MSK-64 by the words chosen"
                    ),
                ),
                ("ems98", models.FloatField(blank=True, null=True, verbose_name="EMS-98")),
                (
                    "distance_km",
                    models.FloatField(
                        blank=True, null=True, verbose_name="epicentral distance, km"
                    ),
                ),
                ("published", models.BooleanField(default=False, verbose_name="published")),
                ("method_id", models.CharField(max_length=60, verbose_name="method")),
                ("computed_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="community_intensities",
                        to="catalog.event",
                    ),
                ),
                (
                    "settlement",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="catalog.settlement",
                    ),
                ),
            ],
            options={
                "verbose_name": "community intensity",
                "verbose_name_plural": "community intensities",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("event", "area", "code"), name="community_intensity_once"
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="feltreport",
            index=models.Index(
                models.F("received_at"),
                condition=models.Q(("processed_at__isnull", True)),
                name="felt_unread",
            ),
        ),
        migrations.AddIndex(
            model_name="feltreport",
            index=models.Index(models.F("device"), models.F("received_at"), name="felt_device"),
        ),
        migrations.AddIndex(
            model_name="feltreport",
            index=models.Index(
                models.F("address_hash"),
                models.F("received_at"),
                condition=models.Q(("address_hash", ""), _negated=True),
                name="felt_address",
            ),
        ),
        migrations.AddIndex(
            model_name="feltreport",
            index=django.contrib.postgres.indexes.GistIndex(models.F("point"), name="felt_point"),
        ),
        migrations.AddConstraint(
            model_name="feltreport",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("chosen_grade__isnull", True),
                    ("chosen_grade__range", (1, 12)),
                    _connector="OR",
                ),
                name="felt_chosen_grade",
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
        migrations.RunSQL(KEEP_PERSONAL_APART, migrations.RunSQL.noop),
    ]
