import { useEffect, useState } from "preact/hooks";
import type { QuarantineEntry, QuarantineState } from "../../../storage/quarantine/quarantine.ts";
import type { Hello, QuarantinePage as Answer } from "../../api.ts";
import { type Action, ACTION_KINDS, VERBS } from "../action.ts";
import { formatExactly, plural } from "../format.ts";
import { snapshot } from "../live.ts";
import { ConfirmAction } from "../parts/confirm-action.tsx";
import { EntryDetails } from "../parts/entry-details.tsx";
import { EntryTable } from "../parts/entry-table.tsx";
import { ProblemNote } from "../parts/problem-note.tsx";
import { Prose } from "../parts/prose.tsx";
import { ReasonTable } from "../parts/reason-table.tsx";
import { linkTo, route } from "../route.ts";
import { useLoaded } from "../use-loaded.ts";

const STATES = ["pending", "replayed", "discarded", "all"] as const satisfies readonly (QuarantineState | "all")[];
const LOOKING_ONLY =
  " Looking only: `piipe quarantine replay` and `discard` do the rest, or these pages with `run --dashboard-actions`.";
const ENTRIES = { first: 100, most: 1_000 };

export function QuarantinePage({ hello: { actions } }: { readonly hello: Hello }) {
  const { parameters } = route.value;
  const state = STATES.find((name) => name === parameters.get("state")) ?? "pending";
  const code = parameters.get("code");
  const [limit, setLimit] = useState(ENTRIES.first);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [shown, setShown] = useState<QuarantineEntry | null>(null);
  const [action, setAction] = useState<Action | null>(null);

  const query = new URLSearchParams({ state, limit: String(limit), ...(code === null ? {} : { code }) });
  const { value, problem, isLoading, reload } = useLoaded<Answer>(`/api/quarantine?${query.toString()}`);
  useEffect(() => setChosen(new Set()), [state, code]);

  const isBusy = shown !== null || action !== null || chosen.size > 0;
  const isOld = useChanges(isBusy, reload);
  const canAct = actions.replay || actions.discard;
  const listed = value?.entries ?? [];
  const total = (value?.reasons ?? [])
    .filter((reason) => code === null || reason.code === code)
    .reduce((sum, { count }) => sum + count, 0);

  return (
    <>
      <p class="lead">
        Events that were refused wait here, sealed, until they are replayed or discarded.
        {!canAct && <Prose text={LOOKING_ONLY} />}
      </p>
      <div class="bar">
        <nav aria-label="State" class="choices">
          {STATES.map((name) => (
            <a key={name} href={linkTo("quarantine", { state: name, code })} aria-current={name === state || undefined}>
              {name}
            </a>
          ))}
        </nav>
        {code !== null && (
          <a class="filter" href={linkTo("quarantine", { state })}>
            <code>{code}</code> ✕<span class="unseen"> show all reasons</span>
          </a>
        )}
        <button type="button" disabled={isLoading} onClick={reload}>
          Refresh
        </button>
        <span role="status" class="hint">
          {isOld && "The quarantine has changed meanwhile."}
        </span>
      </div>
      {problem !== null && <ProblemNote problem={problem} />}
      {value !== null && value.reasons.length === 0 && (
        <p class="empty">
          {state === "pending" || state === "all"
            ? "Nothing yet: every event so far could be read, masked and stored. What cannot will show here with its reason."
            : `No event was ${state}.`}
        </p>
      )}
      {value !== null && value.reasons.length > 0 && (
        <>
          <section class="card" aria-labelledby="reasons">
            <h2 id="reasons">By reason</h2>
            <ReasonTable {...{ reasons: value.reasons, state, code, actions, onAct: setAction }} />
          </section>
          <section class="card" aria-labelledby="entries">
            <h2 id="entries">
              Events <small>{`${formatExactly(listed.length)} of ${formatExactly(total)}, the newest first`}</small>
            </h2>
            {canAct && (
              <div class="bar">
                <span>{plural(chosen.size, "event")} chosen</span>
                {ACTION_KINDS.filter((kind) => actions[kind]).map((kind) => (
                  <button
                    key={kind}
                    type="button"
                    disabled={chosen.size === 0}
                    onClick={() =>
                      setAction({ kind, request: { ids: [...chosen] }, count: chosen.size, which: "Those you chose." })
                    }
                  >
                    {VERBS[kind]} chosen …
                  </button>
                ))}
              </div>
            )}
            <EntryTable
              entries={listed}
              chosen={canAct ? chosen : null}
              onChoose={(id) => setChosen((before) => toggled(before, id))}
              onShow={setShown}
            />
            {listed.length < total && limit < ENTRIES.most && (
              <button type="button" onClick={() => setLimit(ENTRIES.most)}>
                Show up to {formatExactly(ENTRIES.most)}
              </button>
            )}
          </section>
        </>
      )}
      {shown !== null && action === null && (
        <EntryDetails entry={shown} actions={actions} onAct={setAction} onClose={() => setShown(null)} />
      )}
      {action !== null && (
        <ConfirmAction
          action={action}
          onClose={(isChanged) => {
            setAction(null);
            if (!isChanged) return;
            setShown(null);
            setChosen(new Set());
            reload();
            // The row that opened the dialog may be gone.
            requestAnimationFrame(() => document.querySelector("h1")?.focus());
          }}
        />
      )}
    </>
  );
}

/**
 * Loads anew when the live figures say that the quarantine has changed; not under the hands of somebody who reads or
 * chooses: then true.
 */
function useChanges(isBusy: boolean, reload: () => void): boolean {
  const part = snapshot.value?.quarantine;
  const now = part?.ok === true ? JSON.stringify(part.value) : null;
  const [known, setKnown] = useState(now);
  const isChanged = now !== null && now !== known;
  useEffect(() => {
    if (!isChanged || isBusy) return;
    // The page has just asked for the first one itself.
    if (known !== null) reload();
    setKnown(now);
  }, [isChanged, isBusy, known, now, reload]);
  return isChanged && isBusy;
}

function toggled(ids: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const changed = new Set(ids);
  if (!changed.delete(id)) changed.add(id);
  return changed;
}
