import { remedyOf } from "../../../pipeline/rejection-remedies.ts";
import type { QuarantineEntry } from "../../../storage/quarantine/quarantine.ts";
import type { Hello } from "../../api.ts";
import { type Action, ACTION_KINDS, VERBS } from "../action.ts";
import { meaningOf } from "./counters.tsx";
import { Modal } from "./modal.tsx";
import { Moment } from "./moment.tsx";
import { Prose } from "./prose.tsx";

export interface EntryDetailsProps {
  readonly entry: QuarantineEntry;
  readonly actions: Hello["actions"];
  readonly onAct: (action: Action) => void;
  readonly onClose: () => void;
}

/** All that is known of a refused event without opening it. */
export function EntryDetails({ entry, actions, onAct, onClose }: EntryDetailsProps) {
  const { id, queue, code, path, detail, sentAt, firstSeen, lastSeen, attempts, state, settledAt } = entry;
  const isPending = state === "pending";
  const remedy = isPending ? remedyOf(code) : null;
  return (
    <Modal title="Refused event" onClose={onClose}>
      <dl class="details">
        <dt>Message id</dt>
        <dd>
          <code>{id}</code>
        </dd>
        <dt>Reason</dt>
        <dd>
          <code>{code}</code> {meaningOf(code)}
        </dd>
        {remedy !== null && (
          <>
            <dt>To do</dt>
            <dd>
              <Prose text={remedy} />
            </dd>
          </>
        )}
        <dt>Where</dt>
        <dd>
          {path === null ? "the whole event" : <code>{path}</code>}
          {detail !== null && <> ({detail})</>}
        </dd>
        <dt>State</dt>
        <dd>
          {state} {settledAt !== null && <Moment utc={settledAt} />}
        </dd>
        <dt>Sent</dt>
        <dd>
          <Moment utc={sentAt} />
        </dd>
        <dt>Refused</dt>
        <dd>
          <Moment utc={firstSeen} />, last <Moment utc={lastSeen} />
        </dd>
        <dt>Receipts</dt>
        <dd>{attempts}</dd>
        <dt>Queue</dt>
        <dd>{queue}</dd>
      </dl>
      {isPending && (
        <p class="hint">
          Its content is sealed and never comes here. With the private key, on a terminal:{" "}
          <code>{`piipe quarantine show ${id} --open --reason "…"`}</code>
        </p>
      )}
      <div class="buttons">
        <button type="button" onClick={onClose}>
          Close
        </button>
        {isPending &&
          ACTION_KINDS.filter((kind) => actions[kind]).map((kind) => (
            <button
              key={kind}
              type="button"
              class={kind === "discard" ? "danger" : "primary"}
              onClick={() => onAct({ kind, request: { ids: [id] }, count: 1, which: `The one with id ${id}.` })}
            >
              {VERBS[kind]} …
            </button>
          ))}
      </div>
    </Modal>
  );
}
