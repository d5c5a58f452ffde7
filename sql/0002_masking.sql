CREATE TABLE piipe.key_links (
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
