import { useState } from "preact/hooks";
import type { ActionReport } from "../../api.ts";
import { type Action, describeReport, effectOf, EVENTS_MAX, titleOf, VERBS } from "../action.ts";
import { type RequestProblem, postJson } from "../api-client.ts";
import { formatExactly } from "../format.ts";
import { Modal } from "./modal.tsx";
import { ProblemNote } from "./problem-note.tsx";

type Stage =
  | { readonly kind: "asking" }
  | { readonly kind: "running" }
  | { readonly kind: "done"; readonly report: ActionReport }
  | { readonly kind: "failed"; readonly problem: RequestProblem };

export interface ConfirmActionProps {
  readonly action: Action;
  /** `isChanged`: the quarantine may look otherwise now. */
  readonly onClose: (isChanged: boolean) => void;
}

/** Asks, does, and tells what was done. */
export function ConfirmAction({ action, onClose }: ConfirmActionProps) {
  const [stage, setStage] = useState<Stage>({ kind: "asking" });
  const verb = VERBS[action.kind];
  const run = async (): Promise<void> => {
    setStage({ kind: "running" });
    const result = await postJson<ActionReport>(`/api/quarantine/${action.kind}`, action.request);
    setStage(result.ok ? { kind: "done", report: result.value } : { kind: "failed", problem: result.error });
  };
  if (stage.kind === "done" || stage.kind === "failed") {
    return (
      <Modal title={stage.kind === "done" ? `${verb}: done` : `${verb}: not done`} onClose={() => onClose(true)}>
        {stage.kind === "done" ? (
          <div role="status">
            {describeReport(action.kind, stage.report).map((line) => (
              <p key={line}>{line}</p>
            ))}
          </div>
        ) : (
          <ProblemNote problem={stage.problem} />
        )}
        <div class="buttons">
          <button type="button" class="primary" ref={focusIt} onClick={() => onClose(true)}>
            Close
          </button>
        </div>
      </Modal>
    );
  }
  const isRunning = stage.kind === "running";
  const isTooMany = action.count > EVENTS_MAX;
  return (
    <Modal title={titleOf(action)} canClose={!isRunning} onClose={() => onClose(false)}>
      <p>
        {action.which} {effectOf(action)}
      </p>
      {isTooMany ? (
        <div class="note warn">
          <p>
            Here no more than {formatExactly(EVENTS_MAX)} at once. On a terminal:{" "}
            <code>piipe quarantine {action.kind}</code>
          </p>
        </div>
      ) : (
        <p class="hint">Noted in piipe.audit.</p>
      )}
      <div class="buttons">
        <button type="button" ref={focusIt} disabled={isRunning} onClick={() => onClose(false)}>
          Cancel
        </button>
        <button
          type="button"
          class={action.kind === "discard" ? "danger" : "primary"}
          disabled={isRunning || isTooMany}
          onClick={() => void run()}
        >
          {isRunning ? "Working …" : verb}
        </button>
      </div>
    </Modal>
  );
}

function focusIt(button: HTMLButtonElement | null): void {
  button?.focus();
}
