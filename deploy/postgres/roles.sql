-- Who may do what, for a table user_logins: put your own in its place, with its schema. After `piipe migrate`, as the owner
-- of the schema piipe and of the table, with the right to make roles; safe to run again, as after an upgrade.
-- They are groups without a login: GRANT piipe_run TO the user that your workers connect as, and so on.
DO $$
DECLARE
  role_name text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['piipe_run', 'piipe_read', 'piipe_operate', 'piipe_rewrap'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
    END IF;
  END LOOP;
END
$$;

GRANT USAGE ON SCHEMA piipe TO piipe_run, piipe_read, piipe_operate, piipe_rewrap;
GRANT SELECT ON piipe.migrations TO piipe_run, piipe_read, piipe_operate, piipe_rewrap;

-- `piipe run`, `piipe redrive`, `piipe load`: workers write what they cannot read.
GRANT INSERT ON user_logins TO piipe_run;
GRANT SELECT, INSERT, DELETE ON piipe.ledger, piipe.business_ids TO piipe_run;
GRANT SELECT, INSERT, UPDATE ON piipe.quarantine, piipe.loads TO piipe_run;
GRANT SELECT, INSERT, DELETE ON piipe.load_lines TO piipe_run;
GRANT SELECT, INSERT ON piipe.key_checks TO piipe_run;
GRANT INSERT ON piipe.key_links, piipe.vault TO piipe_run;
GRANT SELECT, INSERT, UPDATE, DELETE ON piipe.workers TO piipe_run;

-- `piipe status`, `duplicates`, `quarantine list`, the dashboard without actions: tokens and counts, nothing sealed.
GRANT SELECT ON user_logins, piipe.workers, piipe.key_links TO piipe_read;
GRANT SELECT (source_id, message_id, source, sent_at, reason, path, detail, first_seen, last_seen, attempt, state, settled_at)
  ON piipe.quarantine TO piipe_read;

-- `piipe quarantine`, `lookup`, `erase`, `reveal`, and the dashboard with actions. What opens anything is the private file.
-- `erase --set-null` needs UPDATE on the masked columns as well.
GRANT SELECT, INSERT, DELETE ON user_logins TO piipe_operate;
GRANT SELECT, UPDATE ON piipe.quarantine TO piipe_operate;
GRANT SELECT ON piipe.workers TO piipe_operate;
GRANT SELECT, INSERT, DELETE ON piipe.business_ids TO piipe_operate;
GRANT SELECT, INSERT ON piipe.key_checks TO piipe_operate;
GRANT SELECT, INSERT, DELETE ON piipe.key_links, piipe.vault TO piipe_operate;

-- What an entry of the audit says, and nothing more: its id, time and user are the server's.
REVOKE INSERT ON piipe.audit FROM piipe_run, piipe_operate;
GRANT INSERT (action, operator, reason, details) ON piipe.audit TO piipe_run, piipe_operate;

-- `piipe keys rewrap`, `keys takeover`: on the table and each of its partitions.
GRANT SELECT, INSERT, UPDATE ON user_logins TO piipe_rewrap;
GRANT SELECT, INSERT ON piipe.key_checks TO piipe_rewrap;
GRANT SELECT, INSERT, DELETE ON piipe.key_links, piipe.vault TO piipe_rewrap;
