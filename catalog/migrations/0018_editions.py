"""Keep editions, and the flags of declustering.

A published edition, its events, its files and the runs whose flags it shows are read-only like
what was reported; only the name of the edition that takes its place is written later. Nothing is
added to it, either. Drafts may change and go.
"""

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

#: table -> columns that may change; see migration 0002
GUARDED = {
    "catalog_edition": "superseded_by_id",
    "catalog_editionevent": "",
    "catalog_editionfile": "",
}
#: Of an edition only what is published; of a run only what is part of an edition.
ONLY = {"catalog_edition": "WHEN (OLD.status = 'published')"}
RUNS = "WHEN (OLD.edition_id IS NOT NULL)"

#: The file of an edition is an export: it and its bytes stay as they are. A label stays with its
#: run.
KEPT = """
CREATE FUNCTION catalog_refuse_rewrite_of_edition() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kept boolean;
BEGIN
    IF TG_TABLE_NAME = 'catalog_export' THEN
        kept := EXISTS (SELECT FROM catalog_editionfile WHERE export_id = OLD.id);
    ELSIF TG_TABLE_NAME = 'catalog_exportchunk' THEN
        kept := EXISTS (SELECT FROM catalog_editionfile WHERE export_id = OLD.export_id);
    ELSE
        kept := EXISTS (SELECT FROM catalog_declusteringrun
                        WHERE id = OLD.run_id AND edition_id IS NOT NULL);
    END IF;
    IF kept AND NOT (TG_OP = 'DELETE'
                     AND coalesce(current_setting('catalog.removing_synthetic', true), '') = 'on')
    THEN
        RAISE EXCEPTION 'rows of % that are part of an edition never change', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END
$$
"""
ADDED = """
CREATE FUNCTION catalog_refuse_addition_to_edition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM added JOIN catalog_edition e ON e.id = added.edition_id
               WHERE e.status = 'published') THEN
        RAISE EXCEPTION 'nothing is added to a published edition: %', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NULL;
END
$$
"""


def guard(table, allowed, only=""):
    return migrations.RunSQL(
        f"CREATE TRIGGER refuse_rewrite BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW {only} EXECUTE FUNCTION catalog_refuse_rewrite('{allowed}')",
        f"DROP TRIGGER refuse_rewrite ON {table}",
    )


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0017_outrank_reports"),
    ]

    operations = [
        migrations.CreateModel(
            name="Edition",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "series",
                    models.CharField(
                        help_text="Capital letters, digits, hyphens: KZ-2014.",
                        max_length=40,
                        validators=[
                            django.core.validators.RegexValidator("\\A[A-Z0-9]+(-[A-Z0-9]+)*\\Z")
                        ],
                        verbose_name="series",
                    ),
                ),
                ("number", models.PositiveIntegerField(null=True, verbose_name="number")),
                ("title_en", models.CharField(max_length=200, verbose_name="title (English)")),
                (
                    "title_ru",
                    models.CharField(blank=True, max_length=200, verbose_name="title (Russian)"),
                ),
                (
                    "title_kk",
                    models.CharField(blank=True, max_length=200, verbose_name="title (Kazakh)"),
                ),
                (
                    "note_en",
                    models.TextField(blank=True, max_length=4000, verbose_name="note (English)"),
                ),
                (
                    "note_ru",
                    models.TextField(blank=True, max_length=4000, verbose_name="note (Russian)"),
                ),
                (
                    "note_kk",
                    models.TextField(blank=True, max_length=4000, verbose_name="note (Kazakh)"),
                ),
                (
                    "search",
                    models.TextField(
                        blank=True,
                        help_text="The canonical query string. Empty: all events.",
                        verbose_name="search",
                    ),
                ),
                (
                    "lists",
                    models.JSONField(blank=True, default=list, verbose_name="supplementary lists"),
                ),
                (
                    "declustering",
                    models.JSONField(blank=True, default=list, verbose_name="declustering"),
                ),
                ("gaps", models.JSONField(blank=True, default=list, verbose_name="declared gaps")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("draft", "draft"),
                            ("freezing", "being frozen"),
                            ("published", "published"),
                        ],
                        default="draft",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("problem_code", models.CharField(blank=True, max_length=40)),
                ("problem", models.JSONField(blank=True, default=dict)),
                ("previewed", models.CharField(blank=True, max_length=64)),
                ("site", models.CharField(blank=True, max_length=300)),
                (
                    "catalogue_version",
                    models.BigIntegerField(null=True, verbose_name="catalogue version"),
                ),
                ("sha256", models.CharField(blank=True, max_length=64, verbose_name="SHA-256")),
                ("counts", models.JSONField(blank=True, default=dict, verbose_name="counts")),
                ("columns", models.JSONField(blank=True, default=list)),
                ("citation", models.JSONField(blank=True, default=dict, verbose_name="citation")),
                ("reference", models.JSONField(blank=True, default=dict)),
                ("synthetic", models.BooleanField(default=False, verbose_name="synthetic")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="drafted"),
                ),
                ("published_at", models.DateTimeField(null=True, verbose_name="published")),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="drafted by",
                    ),
                ),
                (
                    "published_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="published by",
                    ),
                ),
                (
                    "superseded_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="supersedes",
                        to="catalog.edition",
                        verbose_name="superseded by",
                    ),
                ),
            ],
            options={
                "verbose_name": "edition",
                "verbose_name_plural": "editions",
                "ordering": ["-published_at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="DeclusteringRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("method", models.CharField(max_length=40, verbose_name="method")),
                ("parameters", models.JSONField(default=dict, verbose_name="parameters")),
                ("fitted", models.JSONField(blank=True, default=dict)),
                (
                    "search",
                    models.TextField(
                        blank=True,
                        help_text="The canonical query string. Empty: all events.",
                        verbose_name="search",
                    ),
                ),
                (
                    "catalogue_version",
                    models.BigIntegerField(null=True, verbose_name="catalogue version"),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("waiting", "waiting"), ("done", "done"), ("failed", "failed")],
                        default="waiting",
                        max_length=10,
                        verbose_name="status",
                    ),
                ),
                ("problem_code", models.CharField(blank=True, max_length=40)),
                ("problem", models.JSONField(blank=True, default=dict)),
                ("counts", models.JSONField(blank=True, default=dict, verbose_name="counts")),
                (
                    "asked_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="asked for"
                    ),
                ),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="asked by",
                    ),
                ),
                (
                    "edition",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="declustering_runs",
                        to="catalog.edition",
                    ),
                ),
            ],
            options={
                "verbose_name": "declustering",
                "verbose_name_plural": "declusterings",
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="EditionEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("list", models.PositiveSmallIntegerField(default=0)),
                (
                    "place",
                    models.PositiveIntegerField(
                        help_text="From 1, in the order of time.", verbose_name="place"
                    ),
                ),
                ("public_id", models.CharField(max_length=20, verbose_name="event id")),
                ("csv_line", models.TextField()),
                ("fdsn_text", models.TextField()),
                (
                    "edition",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="catalog.edition",
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="edition_events",
                        to="catalog.event",
                    ),
                ),
            ],
            options={
                "verbose_name": "event of an edition",
                "verbose_name_plural": "events of editions",
            },
        ),
        migrations.CreateModel(
            name="EditionFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=20, verbose_name="kind")),
                ("name", models.CharField(max_length=100, verbose_name="file name")),
                (
                    "edition",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="files",
                        to="catalog.edition",
                    ),
                ),
                (
                    "export",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="edition_file",
                        to="catalog.export",
                    ),
                ),
            ],
            options={
                "verbose_name": "file of an edition",
                "verbose_name_plural": "files of editions",
            },
        ),
        migrations.CreateModel(
            name="DeclusteringLabel",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("cluster", models.PositiveIntegerField(verbose_name="cluster")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("single", "single event"),
                            ("foreshock", "foreshock"),
                            ("mainshock", "mainshock"),
                            ("aftershock", "aftershock"),
                        ],
                        max_length=10,
                        verbose_name="role",
                    ),
                ),
                (
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="declustering_labels",
                        to="catalog.event",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="labels",
                        to="catalog.declusteringrun",
                    ),
                ),
            ],
            options={
                "verbose_name": "role of an event in a sequence",
                "verbose_name_plural": "roles of events in sequences",
                "indexes": [models.Index(fields=["run", "cluster"], name="declustering_cluster")],
                "constraints": [
                    models.UniqueConstraint(fields=("run", "event"), name="declustering_label_once")
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="edition",
            constraint=models.UniqueConstraint(fields=("series", "number"), name="edition_once"),
        ),
        migrations.AddConstraint(
            model_name="edition",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "published"), _negated=True),
                    models.Q(
                        ("catalogue_version__isnull", False),
                        ("number__isnull", False),
                        ("published_at__isnull", False),
                        models.Q(("sha256", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="edition_published_is_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="edition",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("status", "published"), ("number__isnull", True), _connector="OR"
                ),
                name="edition_numbered_when_published",
            ),
        ),
        migrations.AddConstraint(
            model_name="declusteringrun",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "done"), _negated=True),
                    models.Q(("catalogue_version__isnull", False), ("finished_at__isnull", False)),
                    _connector="OR",
                ),
                name="declustering_done_is_whole",
            ),
        ),
        migrations.AddConstraint(
            model_name="editionevent",
            constraint=models.UniqueConstraint(
                fields=("edition", "event"), name="edition_event_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="editionevent",
            constraint=models.UniqueConstraint(
                fields=("edition", "list", "place"), name="edition_place_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="editionfile",
            constraint=models.UniqueConstraint(
                fields=("edition", "kind"), name="edition_file_once"
            ),
        ),
        *(guard(table, allowed, ONLY.get(table, "")) for table, allowed in GUARDED.items()),
        guard("catalog_declusteringrun", "", RUNS),
        migrations.RunSQL(KEPT, "DROP FUNCTION catalog_refuse_rewrite_of_edition()"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER refuse_rewrite_of_edition BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION catalog_refuse_rewrite_of_edition()",
                f"DROP TRIGGER refuse_rewrite_of_edition ON {table}",
            )
            for table in ("catalog_export", "catalog_exportchunk", "catalog_declusteringlabel")
        ),
        migrations.RunSQL(ADDED, "DROP FUNCTION catalog_refuse_addition_to_edition()"),
        *(
            migrations.RunSQL(
                f"CREATE TRIGGER refuse_addition AFTER INSERT ON {table} "
                "REFERENCING NEW TABLE AS added FOR EACH STATEMENT "
                "EXECUTE FUNCTION catalog_refuse_addition_to_edition()",
                f"DROP TRIGGER refuse_addition ON {table}",
            )
            for table in (
                "catalog_editionevent",
                "catalog_editionfile",
                "catalog_declusteringrun",
            )
        ),
    ]
