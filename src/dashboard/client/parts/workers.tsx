import type { WorkerState, WorkerStatus } from "../../../app/snapshot.ts";
import { formatCount, formatDuration, formatRate, plural } from "../format.ts";
import { DataTable, type DataColumn } from "./data-table.tsx";
import { Moment } from "./moment.tsx";

const MEANINGS: Readonly<Record<WorkerState, string>> = {
  running: "heard of lately",
  silent: "not heard of for three heartbeats",
  stopped: "ended as it should",
};

const COLUMNS: readonly [DataColumn<WorkerStatus>, ...DataColumn<WorkerStatus>[]] = [
  {
    label: "Worker",
    show: ({ host, pid, number }) => (
      <>
        {host}
        <span class="hint">
          {pid !== null && ` · pid ${pid}`}
          {number !== null && ` · no. ${number}`}
        </span>
      </>
    ),
  },
  { label: "State", show: (worker) => <State worker={worker} /> },
  { label: "Version", show: ({ version }) => version },
  { label: "Started", show: ({ startedAt }) => (startedAt === null ? "–" : <Moment utc={startedAt} />) },
  {
    label: "Received/s",
    isNumber: true,
    show: (worker) => whenAlive(worker, formatRate(worker.figures.receivedPerSecond)),
  },
  {
    label: "Stored/s",
    isNumber: true,
    show: (worker) => whenAlive(worker, formatRate(worker.figures.storedPerSecond)),
  },
  { label: "Lag", isNumber: true, show: (worker) => whenAlive(worker, formatDuration(worker.figures.lagMs)) },
  { label: "In flight", isNumber: true, show: (worker) => whenAlive(worker, formatCount(worker.figures.inFlight)) },
  { label: "Stored", isNumber: true, show: ({ figures }) => formatCount(figures.stored) },
  { label: "Trouble", show: (worker) => <Trouble worker={worker} /> },
];

export function Workers({ workers }: { readonly workers: readonly WorkerStatus[] }) {
  const stopped = workers.filter(({ state }) => state === "stopped");
  const others = workers.filter(({ state }) => state !== "stopped");
  return (
    <section class="card" aria-labelledby="workers">
      <h2 id="workers">Workers</h2>
      {others.length === 0 ? (
        <p class="empty">
          No worker runs. Start one with <code>piipe run</code>: it shows here at once.
        </p>
      ) : (
        <DataTable caption="Workers that run, or went silent" columns={COLUMNS} rows={others} keyOf={({ id }) => id} />
      )}
      {stopped.length > 0 && (
        <details>
          <summary>{plural(stopped.length, "worker")} stopped in the last day</summary>
          <DataTable caption="Workers that stopped" columns={COLUMNS} rows={stopped} keyOf={({ id }) => id} />
        </details>
      )}
    </section>
  );
}

function State({ worker: { state, silentMs, figures } }: { readonly worker: WorkerStatus }) {
  const isStopping = state === "running" && figures.isDraining;
  return (
    <span class={`state ${isStopping ? "silent" : state}`} title={MEANINGS[state]}>
      {isStopping ? "stopping" : state}
      {state === "silent" && ` for ${formatDuration(silentMs)}`}
    </span>
  );
}

function Trouble({ worker: { state, figures } }: { readonly worker: WorkerStatus }) {
  const codes = [figures.queueTrouble, figures.databaseTrouble].filter((code) => code !== null);
  if (codes.length === 0 || state === "stopped") return "none";
  return codes.map((code) => (
    <code key={code} class="trouble">
      {code}
    </code>
  ));
}

/** What was measured last says nothing of now. */
function whenAlive({ state }: WorkerStatus, text: string): string {
  return state === "running" ? text : "–";
}
