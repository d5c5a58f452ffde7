import { arrayLiteral } from "../postgres/array-literal.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { inTransaction } from "../postgres/transaction.ts";
import { sourceIdOf } from "./ledger/claim.ts";

/** A file that is being loaded, or was. */
export interface FileLoad {
  /** Its source. */
  readonly source: string;
  /** By the database's clock. */
  readonly begunAtMs: number;
  /** All up to this one are stored or quarantined. */
  readonly linesDone: number;
  readonly isComplete: boolean;
}

export interface NewLoad {
  readonly pipeline: string;
  /** What it is called if it is new: known to nobody else. */
  readonly source: string;
  readonly digests: { readonly noted: readonly string[]; readonly known: readonly string[] };
}

const FIND = `
SELECT source, (extract(epoch FROM begun_at) * 1000)::bigint AS begun_ms, lines_done, completed_at IS NOT NULL AS is_complete
FROM piipe.loads WHERE pipeline = $1::text AND digests && $2::text[]
ORDER BY begun_at, load_id LIMIT 1`;

/** Under keys of now, so that the file is known once the others are gone. */
const NOTE_DIGESTS = `
UPDATE piipe.loads SET digests = $3::text[]
WHERE load_id = $1::bigint AND pipeline = $2::text AND NOT digests @> $3::text[]`;

const BEGIN = `
INSERT INTO piipe.loads (load_id, source, pipeline, digests) VALUES ($1::bigint, $2::text, $3::text, $4::text[])`;

/** What is known of the file, which is noted as begun if it is new: once, however many processes begin it. */
export function beginLoad(pool: PostgresPool, load: NewLoad, abort: AbortSignal): Promise<FileLoad> {
  const { pipeline, source, digests } = load;
  const [noted, known] = [arrayLiteral(digests.noted), arrayLiteral(digests.known)];
  return inTransaction(pool, { doing: "looking for the file in piipe.loads", abort }, async (run) => {
    // Loads that begin wait for each other; those under way do not, but for a moment when they note how far they are.
    await run("LOCK TABLE piipe.loads IN SHARE ROW EXCLUSIVE MODE");
    const find = async (): Promise<FileLoad | null> => {
      const [row] = (await run(FIND, [pipeline, known])).rows;
      if (row === undefined) return null;
      return {
        source: row["source"] ?? "",
        begunAtMs: Number(row["begun_ms"]),
        linesDone: Number(row["lines_done"]),
        isComplete: row["is_complete"] === "t",
      };
    };
    const found = await find();
    if (found !== null) {
      await run(NOTE_DIGESTS, [sourceIdOf(found.source), pipeline, noted]);
      return found;
    }
    await run(BEGIN, [sourceIdOf(source), source, pipeline, noted]);
    const begun = await find();
    if (begun === null) throw new TypeError("a load that was noted is not found");
    return begun;
  });
}

const NOTE = `
UPDATE piipe.loads SET lines_done = greatest(lines_done, $2::bigint),
  completed_at = CASE WHEN $3::boolean THEN coalesce(completed_at, now()) ELSE completed_at END
WHERE load_id = $1::bigint`;

/**
 * Notes that all lines up to this one are done, instead of each. Call it only once they are committed. The first statement waits
 * for the claims under way, whose lines the second one then sees; claims that wait for it see what it noted.
 */
export async function noteLines(
  pool: PostgresPool,
  source: string,
  { linesDone, isComplete }: Pick<FileLoad, "linesDone" | "isComplete">,
  abort: AbortSignal,
): Promise<void> {
  const id = sourceIdOf(source);
  const line = String(linesDone);
  await inTransaction(pool, { doing: "noting in piipe.loads how far the file is loaded", abort }, async (run) => {
    await run(NOTE, [id, line, String(isComplete)]);
    await run("DELETE FROM piipe.load_lines WHERE load_id = $1::bigint AND line <= $2::bigint", [id, line]);
  });
}
