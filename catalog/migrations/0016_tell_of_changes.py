"""Tell who listens that the catalogue changed: "look", and nothing more.

Every way a change is written passes this table, so the trigger stands here and not in a caller. The
word goes out with the commit, once for a transaction however many statements it had. What changed
is read from the table by number: a lost word delays a reader and loses nothing.
"""

from django.db import migrations

TELL = """
CREATE FUNCTION catalog_tell_of_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('catalog_changes', '');
    RETURN NULL;
END
$$
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0015_keep_exports")]

    operations = [
        migrations.RunSQL(TELL, "DROP FUNCTION catalog_tell_of_changes()"),
        migrations.RunSQL(
            "CREATE TRIGGER tell_of_changes AFTER INSERT ON catalog_change"
            " FOR EACH STATEMENT EXECUTE FUNCTION catalog_tell_of_changes()",
            "DROP TRIGGER tell_of_changes ON catalog_change",
        ),
    ]
