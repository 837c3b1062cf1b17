"""Keep the rule of preference as versions; whose solution leads where is part of a version now.

Version 1 says what the program said until now, with the areas as they stand: those of the
installation in their order, else the two that are shipped. Versions and areas are guarded, so what
a version meant can always be read.
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

#: table -> columns that may change; see migration 0002
GUARDED = {
    "catalog_preferenceruleset": "status,status_changed_by_id,status_changed_at,preview",
    "catalog_authoritativearea": "",
}

SHIPPED_AREAS = [
    {"area": "Northern Tien Shan", "agencies": ["SOME"]},
    {"area": "Kazakhstan", "agencies": ["KNDC"]},
]
FIRST = {
    "weights": {
        "chosen_by_editor": 10000.0,
        "authoritative_agency": 1000.0,
        "review_status": 100.0,
        "report_choice": 20.0,
        "station_count": 1.0,
        "azimuthal_gap": 1.0,
        "completeness": 1.0,
        "automatic_bulletin": -5000.0,
    },
    "station_cap": 30,
    "areas": SHIPPED_AREAS,
    "scales": {
        scale: ["reported", "preferred_origin", "station_count", "reviewed"]
        for scale in ("KR", "MPVA", "MLV", "MS", "mb", "ML", "Mw")
    },
}


def first_version(apps, schema_editor):
    areas = apps.get_model("catalog", "AuthoritativeArea").objects.select_related("agency")
    standing = [
        {"area": area.name, "agencies": [area.agency.code]}
        for area in areas.order_by("-priority", "pk")
    ]
    apps.get_model("catalog", "PreferenceRuleSet").objects.create(
        name="kz-preference",
        version=1,
        definition={**FIRST, "areas": standing or SHIPPED_AREAS},
        note="As shipped. That SOME leads inside the Northern Tien Shan and KNDC elsewhere is the"
        " portal's own rule, to be confirmed by the agencies.",
        status="in-force",
        status_changed_at=django.utils.timezone.now(),
    )


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0019_coverage"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PreferenceRuleSet",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.SlugField(max_length=40, verbose_name="name")),
                ("version", models.PositiveIntegerField(verbose_name="version")),
                ("definition", models.JSONField(verbose_name="definition")),
                ("note", models.TextField(blank=True, max_length=2000, verbose_name="note")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "draft"),
                            ("in-force", "in force"),
                            ("retired", "retired"),
                        ],
                        default="draft",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("status_changed_at", models.DateTimeField(null=True)),
                ("preview", models.JSONField(blank=True, default=dict)),
                (
                    "created_by",
                    models.ForeignKey(
                        help_text="Empty: shipped with the portal.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
            ],
            options={
                "verbose_name": "preference rules",
                "verbose_name_plural": "preference rules",
                "ordering": ["name", "-version"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("name", "version"), name="preference_rules_version"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("status", "in-force")),
                        fields=("status",),
                        name="one_preference_rule_set_in_force",
                    ),
                ],
            },
        ),
        migrations.RunPython(first_version, migrations.RunPython.noop),
        migrations.RemoveField(model_name="authoritativearea", name="agency"),
        migrations.RemoveField(model_name="authoritativearea", name="priority"),
        migrations.AlterModelOptions(
            name="authoritativearea",
            options={
                "ordering": ["name"],
                "verbose_name": "authoritative area",
                "verbose_name_plural": "authoritative areas",
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
