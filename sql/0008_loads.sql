-- Files that `piipe load` takes up: what makes each of their lines stored once, however often and whenever the file is loaded.
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
COMMENT ON COLUMN piipe.loads.begun_at IS 'The `@sent_at` of all of its lines.';
COMMENT ON COLUMN piipe.loads.lines_done IS 'The lines up to this one are stored or quarantined.';

-- While a file is being loaded, the lines beyond lines_done that are stored or quarantined. Empty once it is complete.
CREATE TABLE piipe.load_lines (
  load_id bigint NOT NULL,
  line    bigint NOT NULL,
  PRIMARY KEY (load_id, line)
);
COMMENT ON TABLE piipe.load_lines IS 'Of files that are being loaded: lines stored or quarantined beyond what piipe.loads notes.';
