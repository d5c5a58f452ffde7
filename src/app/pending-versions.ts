import { columnsOf } from "../config/config.ts";
import type { Config } from "../config/config.ts";
import { PiipeError } from "../errors.ts";
import { promoteVersion } from "../keys/edit-keyring.ts";
import type { Keyring } from "../keys/keyring.ts";
import { columnsWithoutVersion, describeWithoutVersion, firstUsedVersion } from "../mask/column-tokens.ts";
import { writtenForms } from "../mask/token-form.ts";
import type { Column } from "../pipeline/contracts.ts";
import type { PostgresPool } from "../postgres/connection.ts";
import { type TableName, showTable } from "../postgres/identifiers.ts";
import { refusingTokenChecks } from "../storage/rotation/token-checks.ts";
/** What would stop the next start once a pending key version is primary: what `check` warns of. */
import { formsOf } from "./open-tables.ts";

export interface PendingProblem {
  readonly text: string;
  readonly remedy: string;
}

/** A pending version with the keyring that its promotion makes. */
export interface Promotion {
  readonly version: number;
  readonly promoted: Keyring;
}

/** In the configuration: the same for every pending version. */
export function pendingColumnProblem(config: Config, keyring: Keyring): PendingProblem | null {
  const [next] = promotionsOf(keyring);
  return next === undefined ? null : promotedColumnProblem(config, next);
}

/** In the configuration. */
export function promotedColumnProblem(config: Config, promotion: Promotion): PendingProblem | null {
  const unsaid = columnsWithoutVersion(columnsOf(config), promotion.promoted);
  if (unsaid.length === 0) return null;
  const first = firstUsedVersion(promotion.promoted);
  return {
    text: `${withPrimary(promotion)}: ${describeWithoutVersion(unsaid)}`,
    remedy: `Before \`piipe keys promote ${promotion.version}\`, write the version that made the stored ones: \`keyVersion: ${first}\`.`,
  };
}

/** In the table's token checks. */
export async function pendingCheckProblems(
  columns: readonly Column[],
  keyring: Keyring,
  pool: PostgresPool,
  table: TableName,
): Promise<readonly PendingProblem[]> {
  const problems: PendingProblem[] = [];
  for (const promotion of promotionsOf(keyring)) {
    // Those that a promotion changes nothing of are a matter of the configuration alone.
    const unsaid = new Set(columnsWithoutVersion(columns, promotion.promoted).map(({ name }) => name));
    const said = columns.filter(({ name }) => !unsaid.has(name));
    const forms = formsOf(said, (column) => writtenForms(column, promotion.promoted));
    const refusing = await refusingTokenChecks(pool, table, forms);
    if (refusing.length === 0) continue;
    problems.push({
      text: `${withPrimary(promotion)}: ${showTable(table)} has token checks that refuse its tokens: ${refusing.join(", ")}`,
      remedy: `Before \`piipe keys promote ${promotion.version}\`, run \`piipe migrate --token-checks\`.`,
    });
  }
  return problems;
}

const withPrimary = ({ version }: Promotion): string => `once key version ${version} is primary, no worker starts`;

function promotionsOf(keyring: Keyring): readonly Promotion[] {
  return keyring.versions
    .filter(({ state }) => state === "pending")
    .flatMap(({ version }) => {
      try {
        return [{ version, promoted: promoteVersion(keyring, version) }];
      } catch (error) {
        // One that can no longer be promoted is not about to be.
        if (error instanceof PiipeError) return [];
        throw error;
      }
    });
}
