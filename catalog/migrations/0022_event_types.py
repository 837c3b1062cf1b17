"""Keep known quarries and suggested event types; let people decide on types and interpret."""

import django.contrib.gis.db.models.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0021_merge_desk"),
    ]

    operations = [
        migrations.CreateModel(
            name="KnownSource",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name_en", models.CharField(max_length=200, verbose_name="name (English)")),
                (
                    "name_ru",
                    models.CharField(blank=True, max_length=200, verbose_name="name (Russian)"),
                ),
                (
                    "name_kk",
                    models.CharField(blank=True, max_length=200, verbose_name="name (Kazakh)"),
                ),
                (
                    "point",
                    django.contrib.gis.db.models.fields.PointField(
                        srid=4326, verbose_name="coordinates"
                    ),
                ),
                (
                    "radius_km",
                    models.FloatField(
                        help_text="Blasts are fired so far from the point.",
                        verbose_name="radius, km",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        default="quarry blast",
                        help_text="QuakeML event type.",
                        max_length=40,
                        verbose_name="type of its events",
                    ),
                ),
                ("valid_from", models.DateField(blank=True, null=True, verbose_name="from")),
                ("valid_to", models.DateField(blank=True, null=True, verbose_name="to")),
                (
                    "citation",
                    models.CharField(
                        help_text="Who says so: a map, a register, a letter.",
                        max_length=500,
                        verbose_name="source",
                    ),
                ),
                (
                    "synthetic",
                    models.BooleanField(
                        default=False,
                        help_text="Invented for the example; nothing is there.",
                        verbose_name="synthetic",
                    ),
                ),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="updated")),
            ],
            options={
                "verbose_name": "known quarry or mine",
                "verbose_name_plural": "known quarries and mines",
                "ordering": ["name_en", "pk"],
            },
        ),
        migrations.CreateModel(
            name="TypeSuggestion",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="type_suggestion",
                        serialize=False,
                        to="catalog.event",
                    ),
                ),
                ("rule_set", models.CharField(max_length=60, verbose_name="rule set")),
                (
                    "event_type",
                    models.CharField(
                        blank=True,
                        help_text="Empty: the rule is undecided.",
                        max_length=40,
                        verbose_name="type",
                    ),
                ),
                (
                    "event_type_certainty",
                    models.CharField(blank=True, max_length=10, verbose_name="type certainty"),
                ),
                ("family", models.CharField(blank=True, max_length=12)),
                (
                    "score",
                    models.FloatField(
                        help_text="Log10 of the odds of a blast.", verbose_name="score"
                    ),
                ),
                ("strength", models.FloatField(db_index=True)),
                ("evidence", models.JSONField(default=dict, verbose_name="evidence")),
                ("computed_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "verbose_name": "suggested event type",
                "verbose_name_plural": "suggested event types",
            },
        ),
        migrations.AddField(
            model_name="interpretation",
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
                    ("undo", "earlier decision undone"),
                ],
                max_length=12,
                verbose_name="kind",
            ),
        ),
        migrations.AddIndex(
            model_name="mergedecision",
            index=models.Index(
                condition=models.Q(("kind", "type")), fields=["report"], name="decision_type"
            ),
        ),
        migrations.AddField(
            model_name="knownsource",
            name="recorded_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            model_name="knownsource",
            constraint=models.CheckConstraint(
                condition=models.Q(("radius_km__gt", 0), ("radius_km__lte", 100)),
                name="known_source_radius",
            ),
        ),
        migrations.AddConstraint(
            model_name="knownsource",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("valid_from__isnull", True),
                    ("valid_to__isnull", True),
                    ("valid_to__gte", models.F("valid_from")),
                    _connector="OR",
                ),
                name="known_source_dates",
            ),
        ),
        migrations.AddConstraint(
            model_name="knownsource",
            constraint=models.UniqueConstraint(
                fields=("name_en", "point"), name="known_source_once"
            ),
        ),
        migrations.RunSQL(
            "ALTER TABLE catalog_knownsource ADD CONSTRAINT catalog_knownsource_on_earth"
            " CHECK (ST_X(point) BETWEEN -180 AND 180 AND ST_Y(point) BETWEEN -90 AND 90)",
            "ALTER TABLE catalog_knownsource DROP CONSTRAINT catalog_knownsource_on_earth",
        ),
    ]
