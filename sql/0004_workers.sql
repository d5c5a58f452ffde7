CREATE TABLE piipe.workers (
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
  'What each running process reports of itself every few seconds: what `piipe status` and the dashboard show. Kept for a day.';
COMMENT ON COLUMN piipe.workers.id IS 'Chosen by the process at its start.';
COMMENT ON COLUMN piipe.workers.pipeline IS 'The name in the configuration.';
COMMENT ON COLUMN piipe.workers.source IS 'The queue''s ARN.';
COMMENT ON COLUMN piipe.workers.target IS 'The table, as schema.table.';
COMMENT ON COLUMN piipe.workers.pid IS 'NULL: run from code.';
COMMENT ON COLUMN piipe.workers.number IS 'Among the workers of one `piipe run --workers`; NULL: it is none of them.';
COMMENT ON COLUMN piipe.workers.seen_at IS 'Of the last report, by the database''s clock.';
COMMENT ON COLUMN piipe.workers.stopped_at IS 'When it ended as it should; NULL also for one that was killed.';
COMMENT ON COLUMN piipe.workers.figures IS 'Counts, durations and codes since its start. Never a value of an event.';

ALTER TABLE piipe.audit DROP CONSTRAINT audit_action_check;
ALTER TABLE piipe.audit ADD CONSTRAINT audit_action_check
  CHECK (action IN ('reveal', 'lookup', 'erase', 'open', 'replay', 'discard', 'redrive'));
COMMENT ON TABLE piipe.audit IS
  'Who revealed, looked up, erased, opened, replayed, discarded or redrove what, and why. Append-only.';
