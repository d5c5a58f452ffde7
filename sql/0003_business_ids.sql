-- Not partitioned by day, as the ledger is: a business id must be found whatever day it comes again.
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
