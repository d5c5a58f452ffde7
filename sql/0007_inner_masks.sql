-- Duplicates of what is masked inside JSON, and of columns whose links are known by another name than their own. Without a
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
  'column itself), and for columns whose links are known by other names (`key` in the configuration).';

CREATE OR REPLACE FUNCTION piipe.duplicates(
  target text, column_name text, user_column text, time_column text, more_than integer DEFAULT 1
) RETURNS TABLE (token text, rows bigint, users bigint, first_seen timestamptz, last_seen timestamptz)
LANGUAGE sql STABLE
-- Set, too, so that nobody's search path decides which function is meant.
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT * FROM piipe.duplicates($1, $2, $3, $4, $5, NULL, $2, $3)
$$;

COMMENT ON COLUMN piipe.key_links.column_name IS 'The key of the column (`key` in the configuration), by default its name.';
COMMENT ON COLUMN piipe.vault.column_name IS 'The key of the column (`key` in the configuration), by default its name.';
COMMENT ON COLUMN piipe.key_checks.column_name IS 'The key of the column (`key` in the configuration), by default its name.';
