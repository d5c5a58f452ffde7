// Generated from sql/ by tools/generate-embedded.mjs. Do not edit.

/** The files of sql/, in their order. */
export const MIGRATION_FILES: ReadonlyArray<{ readonly name: string; readonly sql: string }> = [
  {
    name: "0001_ledger_and_quarantine.sql",
    sql: `-- Rights on the database are checked even by CREATE SCHEMA IF NOT EXISTS: a schema made beforehand needs none.
DO $$
BEGIN
  IF to_regnamespace('piipe') IS NULL THEN
    CREATE SCHEMA piipe;
    COMMENT ON SCHEMA piipe IS 'What piipe needs to write each message exactly once.';
  END IF;
END
$$;

CREATE TABLE piipe.migrations (
  number     integer PRIMARY KEY,
  name       text NOT NULL,
  checksum   text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE piipe.migrations IS 'Migrations of this schema that were applied, with the SHA-256 of their files.';

-- A partitioned table can have a primary key, and take ON CONFLICT, from PostgreSQL 11 on. Servers that cannot have
-- one get a plain table, which is pruned row by row instead of by whole days.
DO $$
BEGIN
  IF current_setting('server_version_num')::integer >= 110000 THEN
    BEGIN
      EXECUTE 'CREATE TABLE piipe.ledger (
        sent_day   date NOT NULL,
        source_id  bigint NOT NULL,
        message_id uuid NOT NULL,
        PRIMARY KEY (sent_day, source_id, message_id)
      ) PARTITION BY RANGE (sent_day)';
      EXECUTE 'CREATE TABLE piipe.ledger_default PARTITION OF piipe.ledger DEFAULT';
      EXECUTE $comment$COMMENT ON TABLE piipe.ledger_default IS
        'Claims of days that have no partition of their own: a claim never fails for want of one.'$comment$;
    EXCEPTION WHEN feature_not_supported THEN
      NULL; -- The block's work is undone; the plain table follows.
    END;
  END IF;
  IF to_regclass('piipe.ledger') IS NULL THEN
    CREATE TABLE piipe.ledger (
      sent_day   date NOT NULL,
      source_id  bigint NOT NULL,
      message_id uuid NOT NULL,
      PRIMARY KEY (sent_day, source_id, message_id)
    );
  END IF;
END
$$;
COMMENT ON TABLE piipe.ledger IS
  'Ids of the messages already stored or quarantined: what makes the effect exactly-once. Kept longer than SQS keeps a message.';
COMMENT ON COLUMN piipe.ledger.sent_day IS 'UTC day on which the message was sent.';
COMMENT ON COLUMN piipe.ledger.source_id IS 'First 8 bytes of the SHA-256 of the queue''s ARN.';
COMMENT ON COLUMN piipe.ledger.message_id IS
  'The message id if it is a UUID, else the first 16 bytes of its SHA-256.';

CREATE TABLE piipe.quarantine (
  source_id   bigint NOT NULL,
  message_id  text NOT NULL,
  source      text NOT NULL,
  sent_at     timestamptz NOT NULL,
  reason      text NOT NULL,
  path        text,
  first_seen  timestamptz NOT NULL DEFAULT now(),
  last_seen   timestamptz NOT NULL DEFAULT now(),
  attempt     integer NOT NULL,
  sealed_body bytea NOT NULL,
  state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'replayed', 'discarded')),
  PRIMARY KEY (source_id, message_id)
);
COMMENT ON TABLE piipe.quarantine IS 'Refused events, their bodies sealed: to be replayed or discarded.';
COMMENT ON COLUMN piipe.quarantine.message_id IS 'As the queue gave it.';
COMMENT ON COLUMN piipe.quarantine.source IS 'The queue''s ARN.';
COMMENT ON COLUMN piipe.quarantine.reason IS 'Rejection code, such as field.type.';
COMMENT ON COLUMN piipe.quarantine.path IS 'Where in the event: a configured field or column, or null.';
COMMENT ON COLUMN piipe.quarantine.attempt IS 'Receipts of the message up to last_seen.';
COMMENT ON COLUMN piipe.quarantine.sealed_body IS 'Encrypted to the operator''s public key; only the private file opens it.';
`,
  },
  {
    name: "0002_masking.sql",
    sql: `CREATE TABLE piipe.key_links (
  column_name text NOT NULL,
  old_token   text NOT NULL,
  new_token   text NOT NULL,
  linked_at   timestamptz NOT NULL DEFAULT now(),
  domain      text NOT NULL,
  PRIMARY KEY (column_name, old_token),
  CHECK (old_token <> new_token)
);
CREATE INDEX key_links_new_token ON piipe.key_links (column_name, new_token);
COMMENT ON TABLE piipe.key_links IS
  'Tokens of one value under two key versions: duplicates survive a key rotation by them.';

COMMENT ON COLUMN piipe.key_links.domain IS
  'Of the keys that made the tokens: a rewrap leaves those of other pipelines, whose columns may have the same names.';

CREATE FUNCTION piipe.canonical(column_name text, token text) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH RECURSIVE chain (token, depth) AS (
    SELECT $2, 0
    UNION ALL
    SELECT link.new_token, chain.depth + 1
    FROM chain
    JOIN piipe.key_links AS link ON link.column_name = $1 AND link.old_token = chain.token
    -- Links lead from older key versions to newer ones; nothing else may run for ever.
    WHERE chain.depth < 10000
  )
  SELECT chain.token FROM chain ORDER BY chain.depth DESC LIMIT 1
$$;
COMMENT ON FUNCTION piipe.canonical(text, text) IS
  'The newest token of the value that a token stands for: equal for all tokens of a value that were linked.';

CREATE TABLE piipe.vault (
  column_name text NOT NULL,
  token       text NOT NULL,
  sealed      bytea NOT NULL,
  sealed_at   timestamptz NOT NULL DEFAULT now(),
  domain      text NOT NULL,
  PRIMARY KEY (column_name, token)
);
COMMENT ON COLUMN piipe.vault.domain IS 'Of the keys that made the token.';
COMMENT ON TABLE piipe.vault IS 'Originals of tokens, encrypted to the operator''s public key; only the private file opens them.';

CREATE TABLE piipe.key_checks (
  domain      text NOT NULL,
  column_name text NOT NULL,
  mask        text NOT NULL,
  version     integer NOT NULL,
  check_value text NOT NULL,
  first_used  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (domain, column_name, mask, version)
);
COMMENT ON TABLE piipe.key_checks IS
  'By what the keys that made a column''s tokens are recognised: another keyring is refused, as its tokens would match none. Tells nothing of the keys.';

CREATE TABLE piipe.audit (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at       timestamptz NOT NULL DEFAULT now(),
  action   text NOT NULL CHECK (action IN ('reveal', 'lookup', 'erase', 'open', 'replay', 'discard')),
  operator text NOT NULL,
  db_user  text NOT NULL DEFAULT session_user,
  reason   text,
  details  jsonb NOT NULL
);
COMMENT ON TABLE piipe.audit IS 'Who revealed, looked up, erased, opened, replayed or discarded what, and why. Append-only.';
COMMENT ON COLUMN piipe.audit.operator IS 'User and host of the command, as the operating system names them.';
COMMENT ON COLUMN piipe.audit.details IS 'What it was about: names of columns, counts, tokens, ids. Never a raw value.';

-- The owner of the table can still drop the trigger: it keeps a mistake out, not an owner.
DO $$
BEGIN
  EXECUTE 'CREATE FUNCTION piipe.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $body$
  BEGIN
    RAISE EXCEPTION ''piipe.audit is append-only'' USING ERRCODE = ''insufficient_privilege'';
  END
  $body$';
  EXECUTE 'CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON piipe.audit
    FOR EACH STATEMENT EXECUTE PROCEDURE piipe.refuse_change()';
EXCEPTION WHEN feature_not_supported THEN
  NULL; -- Some distributed servers have no triggers: there, grants alone keep the table append-only.
END
$$;

ALTER TABLE piipe.quarantine
  ADD COLUMN sealed_metadata bytea,
  ADD COLUMN settled_at timestamptz,
  ALTER COLUMN sealed_body DROP NOT NULL,
  ADD CHECK (state <> 'pending' OR sealed_body IS NOT NULL);
COMMENT ON COLUMN piipe.quarantine.sealed_metadata IS 'Group and attributes of the message, for a replay; encrypted like the body.';
COMMENT ON COLUMN piipe.quarantine.settled_at IS 'When it was replayed or discarded; the sealed parts are gone since.';
CREATE INDEX quarantine_pending ON piipe.quarantine (source_id, sent_at, first_seen, message_id) WHERE state = 'pending';

CREATE FUNCTION piipe.duplicates(
  target text, column_name text, user_column text, time_column text, more_than integer DEFAULT 1
) RETURNS TABLE (token text, rows bigint, users bigint, first_seen timestamptz, last_seen timestamptz)
LANGUAGE plpgsql STABLE
-- What the text of the query means must not depend on who runs it, nor what day a date without a zone begins on.
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $function$
DECLARE
  source regclass := to_regclass(target);
  is_address boolean;
BEGIN
  IF source IS NULL THEN
    RAISE EXCEPTION 'there is no table %', target
      USING ERRCODE = 'undefined_table', HINT = 'Write it with its schema and quoted as in SQL: public.user_logins.';
  END IF;
  -- A domain has the category of its base type. An inet cast to text would show a prefix length that nobody stored.
  SELECT type.typcategory = 'I' INTO is_address
  FROM pg_attribute AS attribute JOIN pg_type AS type ON type.oid = attribute.atttypid
  WHERE attribute.attrelid = source AND attribute.attname = column_name AND NOT attribute.attisdropped;
  RETURN QUERY EXECUTE format(
    $query$
    -- Backwards from the newest tokens: each link is followed once, and links in a circle, which only a hand can make,
    -- are never entered.
    WITH RECURSIVE resolved (of_column, token, canonical) AS (
      SELECT link.column_name, link.old_token, link.new_token
      FROM piipe.key_links AS link
      WHERE link.column_name IN ($1, $2) AND NOT EXISTS (
        SELECT FROM piipe.key_links AS newer
        WHERE newer.column_name = link.column_name AND newer.old_token = link.new_token)
      UNION ALL
      SELECT link.column_name, link.old_token, resolved.canonical
      FROM resolved
      JOIN piipe.key_links AS link ON link.column_name = resolved.of_column AND link.new_token = resolved.token
    )
    SELECT canonical, sum(rows)::bigint, CASE WHEN $2 IS NOT NULL THEN count(user_value) END,
           min(first_seen), max(last_seen)
    FROM (
      -- Aggregated by user first: counting distinct users in one step would sort the whole table.
      SELECT coalesce(value_link.canonical, tally.token) AS canonical,
             coalesce(user_link.canonical, tally.user_value) AS user_value,
             sum(tally.rows) AS rows, min(tally.first_seen) AS first_seen, max(tally.last_seen) AS last_seen
      FROM (
        SELECT %1$s AS token, (%2$s)::text AS user_value, count(*) AS rows,
               min(%3$s) AS first_seen, max(%3$s) AS last_seen
        FROM %4$s AS target WHERE target.%5$I IS NOT NULL
        GROUP BY target.%5$I, %2$s
      ) AS tally
      LEFT JOIN resolved AS value_link ON value_link.of_column = $1 AND value_link.token = tally.token
      LEFT JOIN resolved AS user_link ON user_link.of_column = $2 AND user_link.token = tally.user_value
      GROUP BY 1, 2
    ) AS by_user
    GROUP BY canonical
    HAVING count(user_value) > 1 OR sum(rows) > $3
    $query$,
    format(CASE WHEN is_address THEN 'abbrev(target.%I::inet)' ELSE 'target.%I::text' END, column_name),
    CASE WHEN user_column IS NULL THEN 'NULL::text' ELSE format('target.%I', user_column) END,
    CASE WHEN time_column IS NULL THEN 'NULL::timestamptz' ELSE format('target.%I::timestamptz', time_column) END,
    source, column_name
  ) USING column_name, user_column, more_than;
END
$function$;
COMMENT ON FUNCTION piipe.duplicates(text, text, text, text, integer) IS
  'Values of a masked column that occur for more than one user, or more than so many times, under whichever key version '
  'each was masked: newest token, rows, distinct users, first and last time (a time without a zone is UTC). The target is '
  'schema.table, quoted as in SQL; without a user or time column those results are NULL. Runs with the rights of the '
  'caller, who needs SELECT on the target and on piipe.key_links.';
`,
  },
  {
    name: "0003_business_ids.sql",
    sql: `-- Not partitioned by day, as the ledger is: a business id must be found whatever day it comes again.
CREATE TABLE piipe.business_ids (
  table_id     bigint NOT NULL,
  business_key uuid NOT NULL,
  claimed_day  date NOT NULL,
  PRIMARY KEY (table_id, business_key)
);
CREATE INDEX business_ids_claimed_day ON piipe.business_ids (claimed_day);
COMMENT ON TABLE piipe.business_ids IS
  'Business ids (dedupeBy) of the events already stored: of several messages with the same one, one is stored. Kept for 16 days.';
COMMENT ON COLUMN piipe.business_ids.table_id IS
  'First 8 bytes of the SHA-256 of the target table''s quoted name with its schema: tables do not share their ids.';
COMMENT ON COLUMN piipe.business_ids.business_key IS
  'First 16 bytes of the id''s HMAC-SHA-256, with a key for this field: without the keyring no guess can be tested. One row for each key version.';
COMMENT ON COLUMN piipe.business_ids.claimed_day IS 'UTC day on which the first event with the id was stored.';
`,
  },
  {
    name: "0004_workers.sql",
    sql: `CREATE TABLE piipe.workers (
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
  figures    jsonb NOT NULL
  -- Each row is rewritten every few seconds: with room left in its page, no index has to be touched.
) WITH (fillfactor = 50);
COMMENT ON TABLE piipe.workers IS
  'What each running process reports of itself every few seconds: what \`piipe status\` and the dashboard show. Kept for a day.';
COMMENT ON COLUMN piipe.workers.id IS 'Chosen by the process at its start.';
COMMENT ON COLUMN piipe.workers.pipeline IS 'The name in the configuration.';
COMMENT ON COLUMN piipe.workers.source IS 'The queue''s ARN.';
COMMENT ON COLUMN piipe.workers.target IS 'The table, as schema.table.';
COMMENT ON COLUMN piipe.workers.pid IS 'NULL: run from code.';
COMMENT ON COLUMN piipe.workers.number IS 'Among the workers of one \`piipe run --workers\`; NULL: it is none of them.';
COMMENT ON COLUMN piipe.workers.seen_at IS 'Of the last report, by the database''s clock.';
COMMENT ON COLUMN piipe.workers.stopped_at IS 'When it ended as it should; NULL also for one that was killed.';
COMMENT ON COLUMN piipe.workers.figures IS 'Counts, durations and codes since its start. Never a value of an event.';

ALTER TABLE piipe.audit DROP CONSTRAINT audit_action_check;
ALTER TABLE piipe.audit ADD CONSTRAINT audit_action_check
  CHECK (action IN ('reveal', 'lookup', 'erase', 'open', 'replay', 'discard', 'redrive'));
COMMENT ON TABLE piipe.audit IS
  'Who revealed, looked up, erased, opened, replayed, discarded or redrove what, and why. Append-only.';
`,
  },
  {
    name: "0005_promises.sql",
    sql: `-- The audit's id, time and user are the server's, whatever rights on the table someone gave: who writes an entry says what
-- was done, and nothing about the entry. A restore of data alone needs --disable-triggers, as always.
DO $$
BEGIN
  EXECUTE format('CREATE FUNCTION piipe.stamp_audit() RETURNS trigger LANGUAGE plpgsql
  -- The sequence is its owner''s: whoever could use it could take ids ahead.
  SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
  DECLARE
    numbers CONSTANT regclass := %L;
    is_numbered boolean;
  BEGIN
    BEGIN
      is_numbered := NEW.id = currval(numbers);
    EXCEPTION WHEN object_not_in_prerequisite_state THEN
      is_numbered := false;
    END;
    -- An id that was given, and not just drawn.
    IF is_numbered IS NOT TRUE THEN
      NEW.id := nextval(numbers);
    END IF;
    NEW.at := now();
    NEW.db_user := session_user;
    RETURN NEW;
  END
  $body$', pg_get_serial_sequence('piipe.audit', 'id'));
  EXECUTE 'CREATE TRIGGER audit_is_stamped BEFORE INSERT ON piipe.audit
    FOR EACH ROW EXECUTE PROCEDURE piipe.stamp_audit()';
EXCEPTION WHEN feature_not_supported THEN
  NULL; -- Some distributed servers have no triggers: there, the rights alone keep the columns.
END
$$;
-- Beyond ids that were taken ahead; one near the end of all numbers is left where it is. Nobody else writes meanwhile: the
-- trigger's lock is held.
SELECT setval(
  pg_get_serial_sequence('piipe.audit', 'id'),
  (SELECT coalesce(max(id), 0) + 1 FROM piipe.audit WHERE id < 4611686018427387904),
  false);
-- Rights on the columns that an entry is made of, in the place of rights on the whole table.
DO $$
DECLARE
  grantee text;
BEGIN
  FOR grantee IN
    SELECT DISTINCT CASE granted.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(granted.grantee)) END
    FROM pg_class AS audit
    CROSS JOIN LATERAL (
      SELECT acl.grantee, acl.privilege_type FROM aclexplode(audit.relacl) AS acl
      UNION ALL
      SELECT acl.grantee, acl.privilege_type
      FROM pg_attribute AS attribute CROSS JOIN LATERAL aclexplode(attribute.attacl) AS acl
      WHERE attribute.attrelid = audit.oid AND attribute.attnum > 0
    ) AS granted
    WHERE audit.oid = 'piipe.audit'::regclass AND granted.privilege_type = 'INSERT' AND granted.grantee <> audit.relowner
  LOOP
    EXECUTE format('REVOKE INSERT ON piipe.audit FROM %s CASCADE', grantee);
    EXECUTE format('GRANT INSERT (action, operator, reason, details) ON piipe.audit TO %s', grantee);
  END LOOP;
END
$$;
COMMENT ON COLUMN piipe.audit.at IS 'Of the transaction that noted it, by the server''s clock.';
COMMENT ON COLUMN piipe.audit.db_user IS 'As the server knows it: who logged in.';
COMMENT ON COLUMN piipe.audit.operator IS 'User and host of the command, as the operating system names them. The command''s own words.';

CREATE FUNCTION piipe.joins_versions(old_token text, new_token text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(
    substring($1 from '^[a-z]([0-9]{1,4})_')::integer <= substring($2 from '^[a-z]([0-9]{1,4})_')::integer
    AND (split_part($1, '_', 1) <> split_part($2, '_', 1)
      OR substring($2 from '^[a-z]([0-9]{1,4})_')::integer >= 3), true)
$$;
COMMENT ON FUNCTION piipe.joins_versions(text, text) IS
  'Whether a link can be one: it leads from an older key version to a newer one. Both tokens show the same only after a '
  'rewrap, whose version comes after the leaked one and another. Any other link was made up, and would join two people.';

CREATE OR REPLACE FUNCTION piipe.canonical(column_name text, token text) RETURNS text
LANGUAGE sql STABLE AS $$
  WITH RECURSIVE chain (token, depth) AS (
    SELECT $2, 0
    UNION ALL
    SELECT link.new_token, chain.depth + 1
    FROM chain
    JOIN piipe.key_links AS link ON link.column_name = $1 AND link.old_token = chain.token
      AND piipe.joins_versions(link.old_token, link.new_token)
      -- Of one value, each of the first two versions has one token: of several that lead to one, some were made up.
      AND NOT EXISTS (
        SELECT FROM piipe.key_links AS other
        WHERE other.column_name = $1 AND other.new_token = link.new_token AND other.old_token <> link.old_token
          AND left(other.old_token, 3) = left(link.old_token, 3) AND link.old_token ~ '^[a-z][12]_')
    -- Links lead from older key versions to newer ones; nothing else may run for ever.
    WHERE chain.depth < 10000
  )
  SELECT chain.token FROM chain ORDER BY chain.depth DESC LIMIT 1
$$;

CREATE OR REPLACE FUNCTION piipe.duplicates(
  target text, column_name text, user_column text, time_column text, more_than integer DEFAULT 1
) RETURNS TABLE (token text, rows bigint, users bigint, first_seen timestamptz, last_seen timestamptz)
LANGUAGE plpgsql STABLE
-- What the text of the query means must not depend on who runs it, nor what day a date without a zone begins on.
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $function$
DECLARE
  source regclass := to_regclass(target);
  is_address boolean;
BEGIN
  IF source IS NULL THEN
    RAISE EXCEPTION 'there is no table %', target
      USING ERRCODE = 'undefined_table', HINT = 'Write it with its schema and quoted as in SQL: public.user_logins.';
  END IF;
  -- A domain has the category of its base type. An inet cast to text would show a prefix length that nobody stored.
  SELECT type.typcategory = 'I' INTO is_address
  FROM pg_attribute AS attribute JOIN pg_type AS type ON type.oid = attribute.atttypid
  WHERE attribute.attrelid = source AND attribute.attname = column_name AND NOT attribute.attisdropped;
  RETURN QUERY EXECUTE format(
    $query$
    -- Backwards from the newest tokens: each link is followed once, and links in a circle, which only a hand can make,
    -- are never entered.
    WITH RECURSIVE link (column_name, old_token, new_token) AS (
      SELECT known.column_name, known.old_token, known.new_token
      FROM piipe.key_links AS known
      WHERE known.column_name IN ($1, $2) AND piipe.joins_versions(known.old_token, known.new_token)
        -- Of one value, each of the first two versions has one token: of several that lead to one, some were made up.
        AND NOT EXISTS (
          SELECT FROM piipe.key_links AS other
          WHERE other.column_name = known.column_name AND other.new_token = known.new_token
            AND other.old_token <> known.old_token AND left(other.old_token, 3) = left(known.old_token, 3)
            AND known.old_token ~ '^[a-z][12]_')
    ), resolved (of_column, token, canonical) AS (
      SELECT link.column_name, link.old_token, link.new_token
      FROM link
      WHERE NOT EXISTS (
        SELECT FROM link AS newer WHERE newer.column_name = link.column_name AND newer.old_token = link.new_token)
      UNION ALL
      SELECT link.column_name, link.old_token, resolved.canonical
      FROM resolved
      JOIN link ON link.column_name = resolved.of_column AND link.new_token = resolved.token
    )
    SELECT canonical, sum(rows)::bigint, CASE WHEN $2 IS NOT NULL THEN count(user_value) END,
           min(first_seen), max(last_seen)
    FROM (
      -- Aggregated by user first: counting distinct users in one step would sort the whole table.
      SELECT coalesce(value_link.canonical, tally.token) AS canonical,
             coalesce(user_link.canonical, tally.user_value) AS user_value,
             sum(tally.rows) AS rows, min(tally.first_seen) AS first_seen, max(tally.last_seen) AS last_seen
      FROM (
        SELECT %1$s AS token, (%2$s)::text AS user_value, count(*) AS rows,
               min(%3$s) AS first_seen, max(%3$s) AS last_seen
        FROM %4$s AS target WHERE target.%5$I IS NOT NULL
        GROUP BY target.%5$I, %2$s
      ) AS tally
      LEFT JOIN resolved AS value_link ON value_link.of_column = $1 AND value_link.token = tally.token
      LEFT JOIN resolved AS user_link ON user_link.of_column = $2 AND user_link.token = tally.user_value
      GROUP BY 1, 2
    ) AS by_user
    GROUP BY canonical
    HAVING count(user_value) > 1 OR sum(rows) > $3
    $query$,
    format(CASE WHEN is_address THEN 'abbrev(target.%I::inet)' ELSE 'target.%I::text' END, column_name),
    CASE WHEN user_column IS NULL THEN 'NULL::text' ELSE format('target.%I', user_column) END,
    CASE WHEN time_column IS NULL THEN 'NULL::timestamptz' ELSE format('target.%I::timestamptz', time_column) END,
    source, column_name
  ) USING column_name, user_column, more_than;
END
$function$;

ALTER TABLE piipe.business_ids ADD COLUMN content_check bigint;
COMMENT ON COLUMN piipe.business_ids.content_check IS
  'First 8 bytes of an HMAC-SHA-256 of the event''s id and columns: another event with the same id has another one. Null: not known.';
`,
  },
  {
    name: "0006_details.sql",
    sql: `ALTER TABLE piipe.quarantine ADD COLUMN detail text;
COMMENT ON COLUMN piipe.quarantine.detail IS
  'What the configuration asks for at the path, and which JSON type came; null where the reason says it all.';
-- Whoever may read the reasons column by column reads this part of them as well.
DO $$
DECLARE
  grantee text;
BEGIN
  FOR grantee IN
    SELECT DISTINCT CASE granted.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(granted.grantee)) END
    FROM pg_attribute AS attribute CROSS JOIN LATERAL aclexplode(attribute.attacl) AS granted
    WHERE attribute.attrelid = 'piipe.quarantine'::regclass AND attribute.attname = 'path'
      AND granted.privilege_type = 'SELECT'
  LOOP
    EXECUTE format('GRANT SELECT (detail) ON piipe.quarantine TO %s', grantee);
  END LOOP;
END
$$;
`,
  },
  {
    name: "0007_inner_masks.sql",
    sql: `-- Duplicates of what is masked inside JSON, and of columns whose links are known by another name than their own. Without a
-- default, so that calls with fewer arguments mean the function of before.
CREATE FUNCTION piipe.duplicates(
  target text, column_name text, user_column text, time_column text, more_than integer,
  inner_path text[], column_key text, user_key text
) RETURNS TABLE (token text, rows bigint, users bigint, first_seen timestamptz, last_seen timestamptz)
LANGUAGE plpgsql STABLE
-- What the text of the query means must not depend on who runs it, nor what day a date without a zone begins on.
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $function$
DECLARE
  source regclass := to_regclass(target);
  is_address boolean;
  step text;
  inner_value text := format('target.%I::jsonb', column_name);
  elements text := '';
  element integer := 0;
  held text;
BEGIN
  IF source IS NULL THEN
    RAISE EXCEPTION 'there is no table %', target
      USING ERRCODE = 'undefined_table', HINT = 'Write it with its schema and quoted as in SQL: public.user_logins.';
  END IF;
  IF inner_path IS NULL THEN
    -- A domain has the category of its base type. An inet cast to text would show a prefix length that nobody stored.
    SELECT type.typcategory = 'I' INTO is_address
    FROM pg_attribute AS attribute JOIN pg_type AS type ON type.oid = attribute.atttypid
    WHERE attribute.attrelid = source AND attribute.attname = column_name AND NOT attribute.attisdropped;
    held := format(CASE WHEN is_address THEN 'SELECT abbrev(target.%I::inet)' ELSE 'SELECT target.%I::text' END, column_name);
  ELSE
    FOREACH step IN ARRAY inner_path LOOP
      IF step IS NULL THEN
        element := element + 1;
        elements := elements || format(
          '%s LATERAL jsonb_array_elements(CASE WHEN jsonb_typeof(%s) = ''array'' THEN %s END) AS element_%s (value)',
          CASE WHEN element = 1 THEN ' FROM' ELSE ' CROSS JOIN' END, inner_value, inner_value, element);
        inner_value := format('element_%s.value', element);
      ELSE
        inner_value := format('(%s -> %L)', inner_value, step);
      END IF;
    END LOOP;
    -- A row counts once, however often it holds the value.
    held := format('SELECT DISTINCT %s #>> ''{}''%s', inner_value, elements);
  END IF;
  RETURN QUERY EXECUTE format(
    $query$
    -- Backwards from the newest tokens: each link is followed once, and links in a circle, which only a hand can make,
    -- are never entered.
    WITH RECURSIVE link (column_name, old_token, new_token) AS (
      SELECT known.column_name, known.old_token, known.new_token
      FROM piipe.key_links AS known
      WHERE known.column_name IN ($1, $2) AND piipe.joins_versions(known.old_token, known.new_token)
        -- Of one value, each of the first two versions has one token: of several that lead to one, some were made up.
        AND NOT EXISTS (
          SELECT FROM piipe.key_links AS other
          WHERE other.column_name = known.column_name AND other.new_token = known.new_token
            AND other.old_token <> known.old_token AND left(other.old_token, 3) = left(known.old_token, 3)
            AND known.old_token ~ '^[a-z][12]_')
    ), resolved (of_column, token, canonical) AS (
      SELECT link.column_name, link.old_token, link.new_token
      FROM link
      WHERE NOT EXISTS (
        SELECT FROM link AS newer WHERE newer.column_name = link.column_name AND newer.old_token = link.new_token)
      UNION ALL
      SELECT link.column_name, link.old_token, resolved.canonical
      FROM resolved
      JOIN link ON link.column_name = resolved.of_column AND link.new_token = resolved.token
    )
    SELECT canonical, sum(rows)::bigint, CASE WHEN $4 THEN count(user_value) END, min(first_seen), max(last_seen)
    FROM (
      -- Aggregated by user first: counting distinct users in one step would sort the whole table.
      SELECT coalesce(value_link.canonical, tally.token) AS canonical,
             coalesce(user_link.canonical, tally.user_value) AS user_value,
             sum(tally.rows) AS rows, min(tally.first_seen) AS first_seen, max(tally.last_seen) AS last_seen
      FROM (
        SELECT held.token, (%2$s)::text AS user_value, count(*) AS rows,
               min(%3$s) AS first_seen, max(%3$s) AS last_seen
        FROM %4$s AS target CROSS JOIN LATERAL (%1$s) AS held (token) WHERE held.token IS NOT NULL
        GROUP BY held.token, %2$s
      ) AS tally
      LEFT JOIN resolved AS value_link ON value_link.of_column = $1 AND value_link.token = tally.token
      LEFT JOIN resolved AS user_link ON user_link.of_column = $2 AND user_link.token = tally.user_value
      GROUP BY 1, 2
    ) AS by_user
    GROUP BY canonical
    HAVING count(user_value) > 1 OR sum(rows) > $3
    $query$,
    held,
    CASE WHEN user_column IS NULL THEN 'NULL::text' ELSE format('target.%I', user_column) END,
    CASE WHEN time_column IS NULL THEN 'NULL::timestamptz' ELSE format('target.%I::timestamptz', time_column) END,
    source
  ) USING column_key, user_key, more_than, user_column IS NOT NULL;
END
$function$;
COMMENT ON FUNCTION piipe.duplicates(text, text, text, text, integer, text[], text, text) IS
  'The same of what a path leads to inside a column of JSON (NULL in it: each element of an array; a path that is NULL: the '
  'column itself), and for columns whose links are known by other names (\`key\` in the configuration).';

CREATE OR REPLACE FUNCTION piipe.duplicates(
  target text, column_name text, user_column text, time_column text, more_than integer DEFAULT 1
) RETURNS TABLE (token text, rows bigint, users bigint, first_seen timestamptz, last_seen timestamptz)
LANGUAGE sql STABLE
-- Set, too, so that nobody's search path decides which function is meant.
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT * FROM piipe.duplicates($1, $2, $3, $4, $5, NULL, $2, $3)
$$;

COMMENT ON COLUMN piipe.key_links.column_name IS 'The key of the column (\`key\` in the configuration), by default its name.';
COMMENT ON COLUMN piipe.vault.column_name IS 'The key of the column (\`key\` in the configuration), by default its name.';
COMMENT ON COLUMN piipe.key_checks.column_name IS 'The key of the column (\`key\` in the configuration), by default its name.';
`,
  },
  {
    name: "0008_loads.sql",
    sql: `-- Files that \`piipe load\` takes up: what makes each of their lines stored once, however often and whenever the file is loaded.
CREATE TABLE piipe.loads (
  load_id      bigint PRIMARY KEY,
  source       text NOT NULL,
  pipeline     text NOT NULL,
  digests      text[] NOT NULL,
  begun_at     timestamptz NOT NULL DEFAULT now(),
  lines_done   bigint NOT NULL DEFAULT 0,
  completed_at timestamptz
);
COMMENT ON TABLE piipe.loads IS 'Files that were loaded, or are being loaded: a file is taken up once by a pipeline.';
COMMENT ON COLUMN piipe.loads.load_id IS 'First 8 bytes of the SHA-256 of the source.';
COMMENT ON COLUMN piipe.loads.source IS 'What the quarantine calls it.';
COMMENT ON COLUMN piipe.loads.digests IS
  'Keyed digests of the file''s content, unpacked: one for each key version. Whoever has no key can test no guess against them.';
COMMENT ON COLUMN piipe.loads.begun_at IS 'The \`@sent_at\` of all of its lines.';
COMMENT ON COLUMN piipe.loads.lines_done IS 'The lines up to this one are stored or quarantined.';

-- While a file is being loaded, the lines beyond lines_done that are stored or quarantined. Empty once it is complete.
CREATE TABLE piipe.load_lines (
  load_id bigint NOT NULL,
  line    bigint NOT NULL,
  PRIMARY KEY (load_id, line)
);
COMMENT ON TABLE piipe.load_lines IS 'Of files that are being loaded: lines stored or quarantined beyond what piipe.loads notes.';
`,
  },
];

/** Those of sql/dsql/, for servers that are not complete: one statement in a transaction. */
export const PLAIN_MIGRATION_FILES: typeof MIGRATION_FILES = [
  {
    name: "0001_tables.sql",
    sql: `-- What ../*.sql come to on Aurora DSQL, which has no partitions, no triggers, no plpgsql, neither jsonb nor inet in columns, and
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
`,
  },
];
