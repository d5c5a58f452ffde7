-- What ../*.sql come to on Aurora DSQL, which has no partitions, no triggers, no plpgsql, neither jsonb nor inet in columns, and
-- takes one statement of DDL in a transaction. Each statement ends with a semicolon at the end of a line, and can be run again:
-- a migration that was cut short begins anew.
CREATE SCHEMA IF NOT EXISTS piipe;

CREATE TABLE IF NOT EXISTS piipe.migrations (
  number     integer PRIMARY KEY,
  name       text NOT NULL,
  checksum   text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);

-- In the place of advisory locks: of two transactions that write a row, one is refused at its COMMIT.
CREATE TABLE IF NOT EXISTS piipe.locks (
  name     text PRIMARY KEY,
  taken_at timestamptz NOT NULL
);

CREATE TABLE IF NOT EXISTS piipe.ledger (
  sent_day   date NOT NULL,
  source_id  bigint NOT NULL,
  message_id uuid NOT NULL,
  PRIMARY KEY (sent_day, source_id, message_id)
);

CREATE TABLE IF NOT EXISTS piipe.quarantine (
  source_id       bigint NOT NULL,
  message_id      text NOT NULL,
  source          text NOT NULL,
  sent_at         timestamptz NOT NULL,
  reason          text NOT NULL,
  path            text,
  first_seen      timestamptz NOT NULL DEFAULT now(),
  last_seen       timestamptz NOT NULL DEFAULT now(),
  attempt         integer NOT NULL,
  sealed_body     bytea,
  state           text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'replayed', 'discarded')),
  sealed_metadata bytea,
  settled_at      timestamptz,
  detail          text,
  PRIMARY KEY (source_id, message_id),
  CHECK (state <> 'pending' OR sealed_body IS NOT NULL)
);
CREATE INDEX ASYNC IF NOT EXISTS quarantine_pending
  ON piipe.quarantine (source_id, state, sent_at, first_seen, message_id);

CREATE TABLE IF NOT EXISTS piipe.key_links (
  column_name text NOT NULL,
  old_token   text NOT NULL,
  new_token   text NOT NULL,
  linked_at   timestamptz NOT NULL DEFAULT now(),
  domain      text NOT NULL,
  PRIMARY KEY (column_name, old_token),
  CHECK (old_token <> new_token)
);
CREATE INDEX ASYNC IF NOT EXISTS key_links_new_token ON piipe.key_links (column_name, new_token);

CREATE TABLE IF NOT EXISTS piipe.vault (
  column_name text NOT NULL,
  token       text NOT NULL,
  sealed      bytea NOT NULL,
  sealed_at   timestamptz NOT NULL DEFAULT now(),
  domain      text NOT NULL,
  PRIMARY KEY (column_name, token)
);

CREATE TABLE IF NOT EXISTS piipe.key_checks (
  domain      text NOT NULL,
  column_name text NOT NULL,
  mask        text NOT NULL,
  version     integer NOT NULL,
  check_value text NOT NULL,
  first_used  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain, column_name, mask, version)
);

-- No trigger keeps it append-only here: whoever writes it gets INSERT on the four columns that an entry is made of, and no more.
CREATE TABLE IF NOT EXISTS piipe.audit (
  id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  at       timestamptz NOT NULL DEFAULT now(),
  action   text NOT NULL
    CHECK (action IN ('reveal', 'lookup', 'erase', 'open', 'replay', 'discard', 'redrive')),
  operator text NOT NULL,
  db_user  text NOT NULL DEFAULT session_user,
  reason   text,
  details  json NOT NULL
);

CREATE TABLE IF NOT EXISTS piipe.business_ids (
  table_id      bigint NOT NULL,
  business_key  uuid NOT NULL,
  claimed_day   date NOT NULL,
  content_check bigint,
  PRIMARY KEY (table_id, business_key)
);
CREATE INDEX ASYNC IF NOT EXISTS business_ids_claimed_day ON piipe.business_ids (claimed_day);

CREATE TABLE IF NOT EXISTS piipe.workers (
  id         uuid PRIMARY KEY,
  pipeline   text NOT NULL,
  source     text NOT NULL,
  target     text NOT NULL,
  host       text NOT NULL,
  pid        integer,
  number     integer,
  version    text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  seen_at    timestamptz NOT NULL DEFAULT now(),
  stopped_at timestamptz,
  figures    json NOT NULL
);

CREATE OR REPLACE FUNCTION piipe.joins_versions(old_token text, new_token text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(
    substring($1 from '^[a-z]([0-9]{1,4})_')::integer <= substring($2 from '^[a-z]([0-9]{1,4})_')::integer
    AND (split_part($1, '_', 1) <> split_part($2, '_', 1)
      OR substring($2 from '^[a-z]([0-9]{1,4})_')::integer >= 3), true)
$$;

CREATE OR REPLACE FUNCTION piipe.canonical(column_name text, token text) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH RECURSIVE chain (token, depth) AS (
    SELECT $2, 0
    UNION ALL
    SELECT link.new_token, chain.depth + 1
    FROM chain
    JOIN piipe.key_links AS link ON link.column_name = $1 AND link.old_token = chain.token
      AND piipe.joins_versions(link.old_token, link.new_token)
      AND NOT EXISTS (
        SELECT FROM piipe.key_links AS other
        WHERE other.column_name = $1 AND other.new_token = link.new_token AND other.old_token <> link.old_token
          AND left(other.old_token, 3) = left(link.old_token, 3) AND link.old_token ~ '^[a-z][12]_')
    WHERE chain.depth < 10000
  )
  SELECT chain.token FROM chain ORDER BY chain.depth DESC LIMIT 1
$$;
