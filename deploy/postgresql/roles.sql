-- The three roles of the portal. Their passwords come as psql variables: docs/deployment.md.
-- The worker owns the tables, and makes a second database when a backup is restored.
CREATE ROLE portal_worker LOGIN CREATEDB PASSWORD :'portal_worker';
CREATE ROLE portal_web LOGIN PASSWORD :'portal_web';
CREATE ROLE portal_download LOGIN PASSWORD :'portal_download' CONNECTION LIMIT 20;
ALTER ROLE portal_web SET statement_timeout = '5s';
ALTER ROLE portal_web SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE portal_download SET statement_timeout = '15min';
ALTER ROLE portal_download SET default_transaction_read_only = on;
