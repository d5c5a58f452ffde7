import type { DuplicatesPage as Answer, Hello, ShownDuplicate } from "../../api.ts";
import { formatCount, plural } from "../format.ts";
import { DataTable, type DataColumn } from "../parts/data-table.tsx";
import { Moment } from "../parts/moment.tsx";
import { ProblemNote } from "../parts/problem-note.tsx";
import { linkTo, route } from "../route.ts";
import { useLoaded } from "../use-loaded.ts";

const COLUMNS: readonly [DataColumn<ShownDuplicate>, ...DataColumn<ShownDuplicate>[]] = [
  { label: "Token", show: ({ token }) => (token === null ? "no token" : <code class="token">{token}</code>) },
  { label: "Rows", isNumber: true, show: ({ rows }) => formatCount(rows) },
  { label: "Users", isNumber: true, show: ({ users }) => (users === null ? "–" : formatCount(users)) },
  { label: "First seen", show: ({ firstSeen }) => (firstSeen === null ? "–" : <Moment utc={firstSeen} />) },
  { label: "Last seen", show: ({ lastSeen }) => (lastSeen === null ? "–" : <Moment utc={lastSeen} />) },
];

export function DuplicatesPage({ hello: { duplicateColumns } }: { readonly hello: Hello }) {
  const wanted = route.value.parameters.get("column");
  const column = duplicateColumns.find((name) => name === wanted) ?? duplicateColumns[0];
  return (
    <>
      <p class="lead">
        Values that occur in more than one row, by their tokens: equal values have equal tokens, and nobody sees the
        value.
      </p>
      {column === undefined ? (
        <p class="empty">
          Nothing to show: no column has a mask that keeps equal values equal, such as <code>hmac-sha256</code>.
        </p>
      ) : (
        <>
          <nav aria-label="Column" class="choices">
            {duplicateColumns.map((name) => (
              <a key={name} href={linkTo("duplicates", { column: name })} aria-current={name === column || undefined}>
                {name}
              </a>
            ))}
          </nav>
          <Duplicates key={column} column={column} />
        </>
      )}
    </>
  );
}

function Duplicates({ column }: { readonly column: string }) {
  const { value, problem, isLoading, reload } = useLoaded<Answer>(
    `/api/duplicates?column=${encodeURIComponent(column)}`,
  );
  return (
    <section class="card" aria-labelledby="duplicates">
      <div class="bar">
        <h2 id="duplicates">
          {column} <small>{value === null ? "" : summaryOf(value)}</small>
        </h2>
        <button type="button" disabled={isLoading} onClick={reload}>
          Refresh
        </button>
      </div>
      {problem !== null && <ProblemNote problem={problem} />}
      {value === null && problem === null && (
        <p class="empty">Counting: the whole table is read, which may take a while …</p>
      )}
      {value !== null && value.duplicates.length === 0 && (
        <p class="empty">Nothing yet: no value of this column occurs twice.</p>
      )}
      {value !== null && value.duplicates.length > 0 && (
        <DataTable
          caption={`Duplicates in column ${column}, the most users first`}
          columns={COLUMNS}
          rows={value.duplicates}
          keyOf={({ token, rows, users }) => token ?? `${rows} ${users}`}
        />
      )}
    </section>
  );
}

function summaryOf({ duplicates, valuesFound, rowsFound }: Answer): string {
  if (valuesFound === 0) return "";
  const all = `${plural(valuesFound, "value")} in ${plural(rowsFound, "row")}`;
  return duplicates.length < valuesFound ? `${all}; the first ${duplicates.length}` : all;
}
