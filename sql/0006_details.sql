ALTER TABLE piipe.quarantine ADD COLUMN detail text;
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
