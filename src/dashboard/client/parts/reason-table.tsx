import type { QuarantineState, ReasonCount } from "../../../storage/quarantine/quarantine.ts";
import type { Hello } from "../../api.ts";
import { type Action, ACTION_KINDS, VERBS } from "../action.ts";
import { formatCount } from "../format.ts";
import { linkTo } from "../route.ts";
import { meaningOf } from "./counters.tsx";
import { DataTable } from "./data-table.tsx";
import { Moment } from "./moment.tsx";

export interface ReasonTableProps {
  readonly reasons: readonly ReasonCount[];
  readonly state: QuarantineState | "all";
  /** The one whose events are listed; null: those of all. */
  readonly code: string | null;
  readonly actions: Hello["actions"];
  readonly onAct: (action: Action) => void;
}

export function ReasonTable({ reasons, state, code: chosen, actions, onAct }: ReasonTableProps) {
  const kinds = state === "pending" ? ACTION_KINDS.filter((kind) => actions[kind]) : [];
  return (
    <DataTable
      caption="Refused events by reason"
      rows={reasons}
      keyOf={({ code }) => code}
      columns={[
        {
          label: "Reason",
          show: ({ code }) => (
            <a
              href={linkTo("quarantine", { state, code: code === chosen ? null : code })}
              aria-current={code === chosen ? "true" : undefined}
            >
              {code}
            </a>
          ),
        },
        { label: "Meaning", show: ({ code }) => meaningOf(code) },
        { label: "Events", isNumber: true, show: ({ count }) => formatCount(count) },
        { label: "First", show: ({ firstSeen }) => <Moment utc={firstSeen} /> },
        { label: "Last", show: ({ lastSeen }) => <Moment utc={lastSeen} /> },
        ...(kinds.length === 0
          ? []
          : [
              {
                label: "All of them",
                show: ({ code, count }: ReasonCount) => (
                  <span class="row-buttons">
                    {kinds.map((kind) => (
                      <button
                        key={kind}
                        type="button"
                        onClick={() =>
                          onAct({ kind, request: { code }, count, which: `All that wait with reason ${code}.` })
                        }
                      >
                        {VERBS[kind]} …<span class="unseen"> all with reason {code}</span>
                      </button>
                    ))}
                  </span>
                ),
              },
            ]),
      ]}
    />
  );
}
