#!/bin/sh
# Run once by the database's container, in an empty volume: roles, PostGIS, the portal's database.
set -eu
for role in portal_worker portal_web portal_download; do
    printf "\\\\set %s '%s'\n" "$role" "$(cat "/run/secrets/$role")"
done >/tmp/roles
cat /tmp/roles /sql/roles.sql | psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d postgres
rm /tmp/roles
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d template1 -f /sql/privileges.sql
createdb -U "$POSTGRES_USER" --owner portal_worker portal
