-- Rights on the database are checked even by CREATE SCHEMA IF NOT EXISTS: a schema made beforehand needs none.
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
