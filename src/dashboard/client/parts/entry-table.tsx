import type { QuarantineEntry } from "../../../storage/quarantine/quarantine.ts";
import { DataTable, type DataColumn } from "./data-table.tsx";
import { Moment } from "./moment.tsx";

export interface EntryTableProps {
  readonly entries: readonly QuarantineEntry[];
  /** null: nothing can be done with them, so there is nothing to choose. */
  readonly chosen: ReadonlySet<string> | null;
  readonly onChoose: (id: string) => void;
  readonly onShow: (entry: QuarantineEntry) => void;
}

export function EntryTable({ entries, chosen, onChoose, onShow }: EntryTableProps) {
  const name: DataColumn<QuarantineEntry> = {
    label: "Message id",
    show: (entry) => (
      <span class="choice">
        {chosen !== null && (
          <input
            type="checkbox"
            aria-label={`Choose ${entry.id}`}
            checked={chosen.has(entry.id)}
            disabled={entry.state !== "pending"}
            onChange={() => onChoose(entry.id)}
          />
        )}
        <button type="button" class="link" aria-haspopup="dialog" onClick={() => onShow(entry)}>
          {entry.id}
        </button>
      </span>
    ),
  };
  return (
    <DataTable
      caption="Refused events, the newest first"
      rows={entries}
      keyOf={({ queue, id }) => `${queue} ${id}`}
      columns={[
        name,
        { label: "Reason", show: ({ code }) => <code>{code}</code> },
        { label: "Where", show: ({ path }) => (path === null ? "the whole event" : <code>{path}</code>) },
        { label: "Sent", show: ({ sentAt }) => <Moment utc={sentAt} /> },
        { label: "First seen", show: ({ firstSeen }) => <Moment utc={firstSeen} /> },
        { label: "Last seen", show: ({ lastSeen }) => <Moment utc={lastSeen} /> },
        { label: "Receipts", isNumber: true, show: ({ attempts }) => String(attempts) },
        { label: "State", show: ({ state }) => state },
      ]}
    />
  );
}
