-- Runs once, at the database's first start. The service's role owns its database and is no superuser; the
-- superuser keeps no password, so it is reached from inside this container only.
\getenv password POSTGRES_PASSWORD
CREATE ROLE imageapi LOGIN PASSWORD :'password';
ALTER DATABASE imageapi OWNER TO imageapi;
-- PgBouncer shares sessions, so what a session would set belongs to the role.
ALTER ROLE imageapi SET statement_timeout = '30s';
ALTER ROLE imageapi SET lock_timeout = '10s';
ALTER ROLE imageapi SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE imageapi SET timezone = 'UTC';
ALTER ROLE postgres PASSWORD NULL;
