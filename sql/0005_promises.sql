-- The audit's id, time and user are the server's, whatever rights on the table someone gave: who writes an entry says what
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
