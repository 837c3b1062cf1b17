"""What moderators decide on felt reports, what an event's reports make together, their times.

A decision is never rewritten. A cell may have no community decimal intensity: most of those who
felt it answered nothing.
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Coalesce

#: table -> columns that may change; see migration 0002
GUARDED = {
    "catalog_feltdecision": "",
}


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0028_felt_reports"),
    ]

    operations = [
        migrations.CreateModel(
            name="FeltDecision",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("accept", "counts"),
                            ("reject", "does not count"),
                            ("reopen", "verdict taken back"),
                            ("tie", "tied to an event"),
                            ("untie", "tied to no event"),
                            ("settlement", "settlement set"),
                            ("personal", "personal part deleted"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("before", models.JSONField(blank=True, default=dict)),
                ("after", models.JSONField(blank=True, default=dict)),
                ("note", models.CharField(blank=True, max_length=500, verbose_name="note")),
                ("decided_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "actor",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="felt_decisions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "report",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to="catalog.feltreport",
                    ),
                ),
            ],
            options={
                "verbose_name": "decision on a felt report",
                "verbose_name_plural": "decisions on felt reports",
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="FeltSummary",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("report_count", models.PositiveIntegerField(verbose_name="reports that count")),
                (
                    "not_felt_count",
                    models.PositiveIntegerField(verbose_name="reports of not having felt it"),
                ),
                (
                    "max_cdi",
                    models.FloatField(
                        blank=True, null=True, verbose_name="largest community decimal intensity"
                    ),
                ),
                ("method_id", models.CharField(max_length=60, verbose_name="method")),
                ("computed_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="felt_summary",
                        to="catalog.event",
                    ),
                ),
            ],
            options={
                "verbose_name": "summary of felt reports",
                "verbose_name_plural": "summaries of felt reports",
            },
        ),
        *(
            migrations.AlterField(
                model_name="communityintensity",
                name=name,
                field=models.FloatField(blank=True, null=True, verbose_name=words),
            )
            for name, words in (
                ("cws", "community weighted sum"),
                ("cdi", "community decimal intensity"),
            )
        ),
        migrations.AlterField(
            model_name="feltreportpersonal",
            name="report",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="personal",
                to="catalog.feltreport",
            ),
        ),
        migrations.AddIndex(
            model_name="feltreport",
            index=models.Index(Coalesce("felt_at", "received_at"), name="felt_when"),
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
