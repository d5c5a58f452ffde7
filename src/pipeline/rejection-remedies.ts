import type { RejectionCode } from "./contracts.ts";

const OPTIONAL =
  "If the field may be missing, null or empty, set `nullable: true` for its column in piipe.yaml and let the table's column take NULL; else mend the producer.";
const DISCARD = "Mend the producer, which has to send the event anew, and discard this one.";
const ECHO =
  "Give the column a mask in piipe.yaml (docs/masking.md), or mend the producer; if the masked value may stand there, as a common word may, set `echo: allow` for the column, or for the masked one.";
const UNMASKED =
  "Give the column a mask in piipe.yaml (docs/masking.md), or mend the producer; if the value is not personal, set `piiDetection: off` for the column.";

/** What to do about a refused event. A replay makes sense once piipe.yaml or the table was changed: the event never is. */
export const REJECTION_REMEDIES: Readonly<Record<RejectionCode, string>> = {
  "body.empty": DISCARD,
  "body.too-large":
    "Let the producer send smaller events, such as without what no column stores, and discard this one.",
  "body.not-json": DISCARD,
  "body.not-object": "Let the producer send one JSON object as each message's body, and discard this one.",
  "body.too-deep": "Let the producer send flatter events, and discard this one.",
  "body.too-many-keys": "Let the producer send fewer keys in each event, and discard this one.",
  "body.too-many-rows": "Let the producer send it in several events, and discard this one.",
  "body.too-costly":
    "Let the producer send it in several events if it means no harm, as it has so many small parts or repeats itself so often that it looks made to slow piipe down, and discard this one.",
  "body.wrapped":
    "Set `unwrap: sns` beside `sqs` in piipe.yaml, so that each field of the event in it can have a column and a mask, and replay this one; or turn on raw message delivery for the queue's SNS subscription.",
  "body.wrapping":
    "Correct `unwrap` in piipe.yaml if all events of the queue are wrapped like this one, and replay it; else mend the producer.",
  "body.confirmation":
    "Confirm the subscription as AWS describes it, if it is yours; then discard this one, which holds no event.",
  "body.pointer":
    "Set `unwrap: s3` beside `sqs` in piipe.yaml if it is not set, so that the object is fetched, and replay this one; else mend the producer, whose pointer names no bucket and key that S3 could have.",
  "body.object-missing":
    "Put the object back, which a lifecycle rule or another consumer may have deleted, and replay this one; else let the producer send the event anew, and discard this one.",
  "body.object-refused":
    "Grant the worker s3:GetObject on the object and kms:Decrypt on its key, or restore it from its archive, and replay this one; without s3:ListBucket on the bucket, S3 says the same of an object that is gone.",
  "body.duplicate-key": "Let the producer name each key once, and discard this one.",
  "body.forbidden-key": "Let the producer send another key, and discard this one.",
  "field.missing": OPTIONAL,
  "field.null": OPTIONAL,
  "field.type":
    "Correct the column's `type` or `from` in piipe.yaml if the event is right, or set `coerce: true` where texts are to be taken for numbers, or `format` where times are; else mend the producer.",
  "field.format":
    "Correct the column's `type` (`format` of a time, `digits` of a mask) in piipe.yaml if the event is right, where a masked value may get another token under another `type`, or add the label to the table's enum; else mend the producer.",
  "field.range":
    "If digits may be lost, set `cut: true` for the column of times or numbers in piipe.yaml; for exact numbers use `type: decimal`; else give the table's column a larger type, such as bigint or numeric, or mend the producer.",
  "field.too-long": "Give the table's column a longer type, such as text, or mend the producer.",
  "field.nul-character": DISCARD,
  "field.lone-surrogate": DISCARD,
  "field.json-text":
    "Let the producer send the object as JSON, not as a text, and mask each personal field by its path; or mask the text in a way that can be undone (`aes-siv`, `reveal: true`).",
  "field.unknown":
    "Declare the field as a column in piipe.yaml, or set `unknownFields: ignore`, so that undeclared fields are left out.",
  "event.transform": "Correct the `transform` given to `definePipeline` if the event is right; else mend the producer.",
  "event.unmatched":
    "Give the event a table in piipe.yaml, or correct a table's `when`, and replay this one; if such events are of no use, set `unmatched: drop`.",
  "leak.echo": ECHO,
  "leak.detected": UNMASKED,
  "database.value":
    "Give the table's column a type that holds the value, or correct the column's `type` in piipe.yaml.",
  "database.constraint":
    "Change the table's constraint (NOT NULL, UNIQUE, CHECK or a foreign key) if the event is right, but where UNIQUE says that its row is there already, discard this one, and set `dedupeBy` if events come again under new message ids; else mend the producer.",
  "database.limit":
    "Make the row smaller, such as by fewer or shorter indexed columns in the table, or mend the producer.",
  "database.trigger":
    "Look for the error in PostgreSQL's log, and change the trigger if the event is right; else mend the producer.",
  "database.partition":
    "Create the missing partition, or a DEFAULT partition, if the event is right; else mend the producer.",
  "database.view": "Change the view's WHERE clause if the event is right; else mend the producer.",
  "database.policy":
    "Change the WITH CHECK of the table's policies for the user of piipe if the event is right; else mend the producer.",
  "database.row":
    "Look for the error in PostgreSQL's log, and change the table if the event is right; else mend the producer.",
};

/** null: the code is of another version. */
export function remedyOf(code: string): string | null {
  const remedies: Readonly<Record<string, string>> = REJECTION_REMEDIES;
  return Object.hasOwn(remedies, code) ? (remedies[code] ?? null) : null;
}
