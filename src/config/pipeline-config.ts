// Generated from schema.ts by tools/generate-schema.mjs. Do not edit.
// An interface of its own, since editors show the comments of properties but not a zod schema's descriptions.

/** The configuration of a piipe pipeline. */
export interface PipelineConfig {
  /** The pipeline's name. Default: the name of the table, or of the first one, without its schema. */
  name?: string | undefined;
  /** Where the events come from. */
  source: {
    /** The Amazon SQS queue. */
    sqs: {
      /** The queue to read from: its name, URL or ARN. */
      queue: string;
      /** The queue's AWS region. Default: from the queue's ARN or URL, else from the AWS configuration. */
      region?: string | undefined;
      /** Where every request goes, for a server other than AWS. Default: from the AWS configuration. */
      endpoint?: string | undefined;
      /** How long a received message stays hidden from other workers, in seconds. Default: the queue's own. */
      visibilityTimeoutSeconds?: number | undefined;
    };
    /**
     * What each message's body is wrapped in, outermost first (“Wrappings” in docs/configuration.md).
     * Default: nothing, the body is the event.
     */
    unwrap?:
      | "sns"
      | "s3"
      | "base64"
      | "gzip"
      | "json"
      | "lines"
      | ("sns" | "s3" | "base64" | "gzip" | "json" | "lines")[]
      | undefined;
    /**
     * The array in a body whose elements are events of their own: `Records`, or `.` for a body that is an
     * array. Paths then begin at the element, and `^.` leads to what surrounds it. Default: a body is one
     * event.
     */
    each?: string | undefined;
    /** With `unwrap: s3`: the objects that messages point to. */
    s3?:
      | {
          /**
           * Where every object is fetched, for a server other than AWS; buckets are then named in the path.
           * Default: from the AWS configuration.
           */
          endpoint?: string | undefined;
          /**
           * Whether an object is deleted once the message that pointed to it was deleted from the queue.
           * Otherwise it is left alone. Default: false.
           */
          deleteObject?: boolean | undefined;
        }
      | undefined;
  };
  /** Where the masked records go. */
  sink: {
    /** The PostgreSQL database. */
    postgres: {
      /**
       * The database's connection URL. A secret: take it from the environment, as in ${DATABASE_URL}. It may
       * name several hosts of which one takes writes (“Credentials” in docs/operations.md).
       */
      url: string;
      /**
       * Where each new connection gets its password, so that it can change while a worker runs: a file, a
       * secret, or `iam`, an RDS token for each. Default: the URL's, PGPASSWORD, or libpq's password file.
       */
      password?:
        | "iam"
        | {
            /** A file that holds the password alone, relative to this file. */
            file?: string | undefined;
            /**
             * The ARN of a secret in AWS Secrets Manager: its text, or the `password` and `username` of its JSON,
             * as RDS has them.
             */
            secret?: string | undefined;
          }
        | undefined;
      /**
       * The table to write to: `table` or `schema.table`, in the very case that the database has it.
       * Several: `tables`.
       */
      table?: string | undefined;
      /** Whether `piipe run` creates a missing table. `piipe migrate` always does. Default: false. */
      createTable?: boolean | undefined;
      /**
       * The most connections that one `piipe run` opens: those of all its workers (`--workers`) together.
       * Default: 4.
       */
      maxConnections?: number | undefined;
      /**
       * Who sets timeouts and the like: each transaction for itself, or the role, by ALTER ROLE … SET;
       * `role` is for a proxy that pins sessions which set something, such as RDS Proxy
       * (docs/operations.md). Default: transaction.
       */
      settings?: "transaction" | "role" | undefined;
    };
  };
  /** The secret keys of the masks. */
  keys?:
    | {
        /**
         * The keyring made by `piipe keys new`, relative to this file. Default: the environment's PIIPE_KEYS,
         * or `keysJson` in code.
         */
        file?: string | undefined;
        /**
         * Instead of a file: the ARN of a secret in AWS Secrets Manager whose text is the keyring (“Keys” in
         * docs/operations.md).
         */
        secret?: string | undefined;
        /**
         * Equal values have equal tokens within one domain, and unlinkable ones across domains. Default: the
         * pipeline's name.
         */
        domain?: string | undefined;
      }
    | undefined;
  /** What the table gets: a key for each column, named as in the table. Of several tables: `tables`. */
  columns?:
    | Record<
        string,
        {
          /**
           * Where the value comes from: a field, a path into nested JSON (device.os.name, items[0].sku), or
           * metadata of the message (@message_id, @sent_at, @received_at, @group_id, @attribute.NAME, and with
           * `unwrap: sns` @sns.topic and its like). Several: the first that has a value (“Paths” in
           * docs/configuration.md). Default: the field of the column's own name.
           */
          from?: string | string[] | undefined;
          /** A constant, the same for every event, instead of `from`. */
          value?: string | number | boolean | undefined;
          /** What the value is. An event whose value is something else is refused. */
          type:
            | "text"
            | "integer"
            | "number"
            | "decimal"
            | "boolean"
            | "timestamp"
            | "date"
            | "uuid"
            | "ip"
            | "version"
            | "phone"
            | "mac"
            | "json"
            | "text[]"
            | "integer[]"
            | "number[]"
            | "decimal[]"
            | "boolean[]"
            | "uuid[]"
            | "timestamp[]"
            | "date[]";
          /**
           * Whether a text is taken for the number or boolean that it is (`"5"`, `"true"`), and in a text column
           * these for their JSON text. Nothing is guessed: `"5 €"` and `"yes"` are refused. Default: false.
           */
          coerce?: boolean | undefined;
          /**
           * How a timestamp or date is written, or a list of the ways: `rfc3339`; seconds, milliseconds or
           * microseconds since 1970 (`epoch-s`, `epoch-ms`, `epoch-us`); `sql`, such as `2026-03-01 10:00:00.5`.
           * Default: rfc3339.
           */
          format?:
            | "rfc3339"
            | "epoch-s"
            | "epoch-ms"
            | "epoch-us"
            | "sql"
            | ("rfc3339" | "epoch-s" | "epoch-ms" | "epoch-us" | "sql")[]
            | undefined;
          /**
           * With `format: sql` of a timestamp, and then needed: the zone of times that are written without one,
           * such as Europe/Berlin. A time that the clock shows twice is the later one, as PostgreSQL reads it.
           */
          zone?: string | undefined;
          /**
           * Whether digits that the table's column does not hold are cut off: decimals of a second, or of a
           * number. Otherwise an event with such digits, unless they are zeros, is refused. Default: false.
           */
          cut?: boolean | undefined;
          /** What a missing or null value becomes. Default: the event is refused. */
          default?: string | number | boolean | undefined;
          /**
           * `default`: a missing or null value becomes the table's own DEFAULT, evaluated for each row. An
           * identity's needs USAGE on its sequence.
           */
          absent?: "default" | undefined;
          /**
           * Of a phone: the country whose national forms are taken as well, as two letters. Default: only
           * international ones.
           */
          region?: string | undefined;
          /** Of an ip: `port` takes `1.2.3.4:443` and `[::1]:443` for the address. */
          strip?: "port" | undefined;
          /** Of an ip: `first` takes the first address of a list with commas, as X-Forwarded-For has it. */
          take?: "first" | undefined;
          /**
           * Of an ip: `null` stores NULL for a text that is no address, such as `unknown`. Goes with `nullable:
           * true`.
           */
          otherwise?: null | undefined;
          /** How the value is masked (docs/masking.md). Default: not personal data, stored as it is. */
          mask?:
            | "hmac-sha256"
            | "hmac-over-sha256"
            | "aes-siv"
            | "ipcrypt-deterministic"
            | "ipcrypt-pfx"
            | "fpe-ff1"
            | "generalize"
            | "redact"
            | "drop"
            | "sha256"
            | undefined;
          /**
           * With `type: json`: what is masked inside it, by path. Keys are separated by periods, `[]` stands for
           * each element of an array, and a key with other characters is in double quotes: `ip`, `devices[].id`,
           * `"user.id"`. What is not named is stored as it is.
           */
          masks?:
            | Record<
                string,
                | "hmac-sha256"
                | "hmac-over-sha256"
                | "aes-siv"
                | "ipcrypt-deterministic"
                | "ipcrypt-pfx"
                | "fpe-ff1"
                | "generalize"
                | "redact"
                | "drop"
                | "sha256"
                | {
                    /** How the value is masked (docs/masking.md). */
                    mask:
                      | "hmac-sha256"
                      | "hmac-over-sha256"
                      | "aes-siv"
                      | "ipcrypt-deterministic"
                      | "ipcrypt-pfx"
                      | "fpe-ff1"
                      | "generalize"
                      | "redact"
                      | "drop"
                      | "sha256";
                    /** What the value is. An event with something else there is refused; null stays null. Default: text. */
                    type?:
                      | "text"
                      | "integer"
                      | "number"
                      | "decimal"
                      | "boolean"
                      | "timestamp"
                      | "date"
                      | "uuid"
                      | "ip"
                      | "version"
                      | "phone"
                      | "mac"
                      | undefined;
                    /**
                     * By which name its key is derived, and its links and originals are known: masked columns with the
                     * same one have equal tokens for equal values, in every pipeline of one `keys.domain`. Default: the
                     * column's name; inside a json column its name, a period and the path.
                     */
                    key?: string | undefined;
                    /**
                     * With `mask: fpe-ff1`, and then needed: how many digits each value has. Another number of digits is
                     * refused; what stands between them (spaces, hyphens, dots, slashes, brackets, a plus sign) is kept.
                     */
                    digits?: number | undefined;
                    /** With `mask: generalize` of a timestamp: what it is cut down to, in UTC. Default: day. */
                    precision?: "hour" | "day" | undefined;
                    /**
                     * With ipcrypt-deterministic, ipcrypt-pfx and fpe-ff1, whose tokens do not show it: the key version
                     * that makes them. Default: the primary one, as long as the keyring has no other.
                     */
                    keyVersion?: number | undefined;
                    /**
                     * Whether each original is sealed into `piipe.vault`, for `piipe reveal`. For one-way masks; the
                     * reversible ones need none. Default: false.
                     */
                    reveal?: boolean | undefined;
                    /** What happens when a column without a mask holds the masked value, as for a column. Default: refuse. */
                    echo?: "refuse" | "allow" | undefined;
                  }
              >
            | undefined;
          /**
           * By which name its key is derived, and its links and originals are known: masked columns with the
           * same one have equal tokens for equal values, in every pipeline of one `keys.domain`. Default: the
           * column's name; inside a json column its name, a period and the path.
           */
          key?: string | undefined;
          /**
           * With `mask: fpe-ff1`, and then needed: how many digits each value has. Another number of digits is
           * refused; what stands between them (spaces, hyphens, dots, slashes, brackets, a plus sign) is kept.
           */
          digits?: number | undefined;
          /** With `mask: generalize` of a timestamp: what it is cut down to, in UTC. Default: day. */
          precision?: "hour" | "day" | undefined;
          /**
           * With ipcrypt-deterministic, ipcrypt-pfx and fpe-ff1, whose tokens do not show it: the key version
           * that makes them. Default: the primary one, as long as the keyring has no other.
           */
          keyVersion?: number | undefined;
          /**
           * Whether each original is sealed into `piipe.vault`, for `piipe reveal`. For one-way masks; the
           * reversible ones need none. Default: false.
           */
          reveal?: boolean | undefined;
          /**
           * What happens when a column without a mask holds what looks like personal data (email, address,
           * phone, card, IBAN, US SSN, JWT, MAC). Default: warn for text, text[] and json, off for other types.
           */
          piiDetection?: "warn" | "quarantine" | "off" | undefined;
          /**
           * What happens when a column without a mask holds the value of a masked one: the event is refused,
           * unless one of the two says allow. For common words, such as a city that also stands in a title.
           * Default: refuse.
           */
          echo?: "refuse" | "allow" | undefined;
          /**
           * Whether a missing or null value, or an empty one where it is masked, becomes NULL. Otherwise the
           * event is refused. Default: false.
           */
          nullable?: boolean | undefined;
        }
      >
    | undefined;
  /**
   * Several tables, or one that does not take every event as one row: a key for each table, `table` or
   * `schema.table`, instead of `sink.postgres.table` and `columns`. All rows of a message are stored in
   * one transaction, or none.
   */
  tables?:
    | Record<
        string,
        {
          /**
           * Which events the table takes: those in which each field that is named here has the value, or one of
           * the values, that stands beside it; `present: true` asks for any. Default: every event.
           */
          when?:
            | Record<
                string,
                | string
                | number
                | boolean
                | (string | number | boolean)[]
                | {
                    /** Whether there must be a value, which is neither missing nor null, or must be none. */
                    present: boolean;
                  }
              >
            | undefined;
          /**
           * The array whose elements have a row each: `items`, or `packages[].items` for those within others.
           * Paths then begin at the element (`.` is the element itself), `^.` leads to what surrounds it, and
           * `@index` is its place, from 0. Default: the event has one row.
           */
          each?: string | undefined;
          /** What the table gets: a key for each column, as in `columns`. */
          columns: Record<
            string,
            {
              /**
               * Where the value comes from: a field, a path into nested JSON (device.os.name, items[0].sku), or
               * metadata of the message (@message_id, @sent_at, @received_at, @group_id, @attribute.NAME, and with
               * `unwrap: sns` @sns.topic and its like). Several: the first that has a value (“Paths” in
               * docs/configuration.md). Default: the field of the column's own name.
               */
              from?: string | string[] | undefined;
              /** A constant, the same for every event, instead of `from`. */
              value?: string | number | boolean | undefined;
              /** What the value is. An event whose value is something else is refused. */
              type:
                | "text"
                | "integer"
                | "number"
                | "decimal"
                | "boolean"
                | "timestamp"
                | "date"
                | "uuid"
                | "ip"
                | "version"
                | "phone"
                | "mac"
                | "json"
                | "text[]"
                | "integer[]"
                | "number[]"
                | "decimal[]"
                | "boolean[]"
                | "uuid[]"
                | "timestamp[]"
                | "date[]";
              /**
               * Whether a text is taken for the number or boolean that it is (`"5"`, `"true"`), and in a text column
               * these for their JSON text. Nothing is guessed: `"5 €"` and `"yes"` are refused. Default: false.
               */
              coerce?: boolean | undefined;
              /**
               * How a timestamp or date is written, or a list of the ways: `rfc3339`; seconds, milliseconds or
               * microseconds since 1970 (`epoch-s`, `epoch-ms`, `epoch-us`); `sql`, such as `2026-03-01 10:00:00.5`.
               * Default: rfc3339.
               */
              format?:
                | "rfc3339"
                | "epoch-s"
                | "epoch-ms"
                | "epoch-us"
                | "sql"
                | ("rfc3339" | "epoch-s" | "epoch-ms" | "epoch-us" | "sql")[]
                | undefined;
              /**
               * With `format: sql` of a timestamp, and then needed: the zone of times that are written without one,
               * such as Europe/Berlin. A time that the clock shows twice is the later one, as PostgreSQL reads it.
               */
              zone?: string | undefined;
              /**
               * Whether digits that the table's column does not hold are cut off: decimals of a second, or of a
               * number. Otherwise an event with such digits, unless they are zeros, is refused. Default: false.
               */
              cut?: boolean | undefined;
              /** What a missing or null value becomes. Default: the event is refused. */
              default?: string | number | boolean | undefined;
              /**
               * `default`: a missing or null value becomes the table's own DEFAULT, evaluated for each row. An
               * identity's needs USAGE on its sequence.
               */
              absent?: "default" | undefined;
              /**
               * Of a phone: the country whose national forms are taken as well, as two letters. Default: only
               * international ones.
               */
              region?: string | undefined;
              /** Of an ip: `port` takes `1.2.3.4:443` and `[::1]:443` for the address. */
              strip?: "port" | undefined;
              /** Of an ip: `first` takes the first address of a list with commas, as X-Forwarded-For has it. */
              take?: "first" | undefined;
              /**
               * Of an ip: `null` stores NULL for a text that is no address, such as `unknown`. Goes with `nullable:
               * true`.
               */
              otherwise?: null | undefined;
              /** How the value is masked (docs/masking.md). Default: not personal data, stored as it is. */
              mask?:
                | "hmac-sha256"
                | "hmac-over-sha256"
                | "aes-siv"
                | "ipcrypt-deterministic"
                | "ipcrypt-pfx"
                | "fpe-ff1"
                | "generalize"
                | "redact"
                | "drop"
                | "sha256"
                | undefined;
              /**
               * With `type: json`: what is masked inside it, by path. Keys are separated by periods, `[]` stands for
               * each element of an array, and a key with other characters is in double quotes: `ip`, `devices[].id`,
               * `"user.id"`. What is not named is stored as it is.
               */
              masks?:
                | Record<
                    string,
                    | "hmac-sha256"
                    | "hmac-over-sha256"
                    | "aes-siv"
                    | "ipcrypt-deterministic"
                    | "ipcrypt-pfx"
                    | "fpe-ff1"
                    | "generalize"
                    | "redact"
                    | "drop"
                    | "sha256"
                    | {
                        /** How the value is masked (docs/masking.md). */
                        mask:
                          | "hmac-sha256"
                          | "hmac-over-sha256"
                          | "aes-siv"
                          | "ipcrypt-deterministic"
                          | "ipcrypt-pfx"
                          | "fpe-ff1"
                          | "generalize"
                          | "redact"
                          | "drop"
                          | "sha256";
                        /** What the value is. An event with something else there is refused; null stays null. Default: text. */
                        type?:
                          | "text"
                          | "integer"
                          | "number"
                          | "decimal"
                          | "boolean"
                          | "timestamp"
                          | "date"
                          | "uuid"
                          | "ip"
                          | "version"
                          | "phone"
                          | "mac"
                          | undefined;
                        /**
                         * By which name its key is derived, and its links and originals are known: masked columns with the
                         * same one have equal tokens for equal values, in every pipeline of one `keys.domain`. Default: the
                         * column's name; inside a json column its name, a period and the path.
                         */
                        key?: string | undefined;
                        /**
                         * With `mask: fpe-ff1`, and then needed: how many digits each value has. Another number of digits is
                         * refused; what stands between them (spaces, hyphens, dots, slashes, brackets, a plus sign) is kept.
                         */
                        digits?: number | undefined;
                        /** With `mask: generalize` of a timestamp: what it is cut down to, in UTC. Default: day. */
                        precision?: "hour" | "day" | undefined;
                        /**
                         * With ipcrypt-deterministic, ipcrypt-pfx and fpe-ff1, whose tokens do not show it: the key version
                         * that makes them. Default: the primary one, as long as the keyring has no other.
                         */
                        keyVersion?: number | undefined;
                        /**
                         * Whether each original is sealed into `piipe.vault`, for `piipe reveal`. For one-way masks; the
                         * reversible ones need none. Default: false.
                         */
                        reveal?: boolean | undefined;
                        /** What happens when a column without a mask holds the masked value, as for a column. Default: refuse. */
                        echo?: "refuse" | "allow" | undefined;
                      }
                  >
                | undefined;
              /**
               * By which name its key is derived, and its links and originals are known: masked columns with the
               * same one have equal tokens for equal values, in every pipeline of one `keys.domain`. Default: the
               * column's name; inside a json column its name, a period and the path.
               */
              key?: string | undefined;
              /**
               * With `mask: fpe-ff1`, and then needed: how many digits each value has. Another number of digits is
               * refused; what stands between them (spaces, hyphens, dots, slashes, brackets, a plus sign) is kept.
               */
              digits?: number | undefined;
              /** With `mask: generalize` of a timestamp: what it is cut down to, in UTC. Default: day. */
              precision?: "hour" | "day" | undefined;
              /**
               * With ipcrypt-deterministic, ipcrypt-pfx and fpe-ff1, whose tokens do not show it: the key version
               * that makes them. Default: the primary one, as long as the keyring has no other.
               */
              keyVersion?: number | undefined;
              /**
               * Whether each original is sealed into `piipe.vault`, for `piipe reveal`. For one-way masks; the
               * reversible ones need none. Default: false.
               */
              reveal?: boolean | undefined;
              /**
               * What happens when a column without a mask holds what looks like personal data (email, address,
               * phone, card, IBAN, US SSN, JWT, MAC). Default: warn for text, text[] and json, off for other types.
               */
              piiDetection?: "warn" | "quarantine" | "off" | undefined;
              /**
               * What happens when a column without a mask holds the value of a masked one: the event is refused,
               * unless one of the two says allow. For common words, such as a city that also stands in a title.
               * Default: refuse.
               */
              echo?: "refuse" | "allow" | undefined;
              /**
               * Whether a missing or null value, or an empty one where it is masked, becomes NULL. Otherwise the
               * event is refused. Default: false.
               */
              nullable?: boolean | undefined;
            }
          >;
        }
      >
    | undefined;
  /**
   * What becomes of an event that none of the `tables` takes: it is refused, or deleted without a row.
   * Default: quarantine.
   */
  unmatched?: "quarantine" | "drop" | undefined;
  /**
   * What becomes of fields at the top of an event that no column declares: never stored, or the whole
   * event is refused. A column `from: device.os` declares all of `device`. Default: ignore.
   */
  unknownFields?: "ignore" | "quarantine" | undefined;
  /**
   * The event's own id, for producers that may send an event again: a field, a path (order.id) or
   * @attribute.NAME; several: the first that has a value. Of the events that share one within 16 days,
   * the first is stored; an event without one is refused. Needs a keyring (docs/message-life.md).
   */
  dedupeBy?: string | string[] | undefined;
  /**
   * Whether a column may use `mask: sha256`, which has no key and can be reversed by trying all values.
   * Default: false.
   */
  allowUnkeyed?: boolean | undefined;
  /** When a batch is written: as soon as one of these is reached, or nothing more is at hand. */
  batch?:
    | {
        /** The most rows that one transaction writes. Default: 1000. */
        rows?: number | undefined;
        /** The most bytes of messages that one transaction writes. Default: 4194304. */
        bytes?: number | undefined;
        /**
         * How long, in milliseconds, a batch that is not full waits for more events while more are at hand,
         * and how far apart receives begin at a low rate, so that messages come together. 0: nothing waits.
         * Default: 50.
         */
        lingerMs?: number | undefined;
      }
    | undefined;
  /** What happens to refused events. */
  quarantine?:
    | {
        /**
         * The run halts when more than this share of the recent events was refused. 1 never halts. Default:
         * 0.5.
         */
        haltAboveShare?: number | undefined;
      }
    | undefined;
}
