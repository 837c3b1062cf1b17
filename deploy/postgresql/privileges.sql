-- PostGIS, and what the web server's and the downloads' roles may do with tables to come. Run in
-- template1, so that every database of this server has it: a restored backup's, too.
CREATE EXTENSION IF NOT EXISTS postgis;
ALTER DEFAULT PRIVILEGES FOR ROLE portal_worker IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO portal_web;
ALTER DEFAULT PRIVILEGES FOR ROLE portal_worker IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO portal_web;
ALTER DEFAULT PRIVILEGES FOR ROLE portal_worker IN SCHEMA public
    GRANT SELECT ON TABLES TO portal_download;
GRANT CREATE ON SCHEMA public TO portal_worker;
