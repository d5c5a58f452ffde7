import type { Snapshot } from "../../../app/snapshot.ts";
import type { Sample } from "../../api.ts";
import { formatCount, formatDuration, formatExactly, formatRate, plural } from "../format.ts";
import { linkTo } from "../route.ts";

interface BigFigure {
  readonly label: string;
  readonly text: string;
  readonly note: string;
  readonly title?: string;
  readonly href?: string;
}

export function BigFigures({ snapshot, sample }: { readonly snapshot: Snapshot; readonly sample: Sample | undefined }) {
  return (
    <dl class="figures">
      {figuresOf(snapshot, sample).map(({ label, text, note, title, href }) => (
        <div key={label} class="card">
          <dt>{label}</dt>
          <dd title={title}>{href === undefined ? text : <a href={href}>{text}</a>}</dd>
          <dd class="figure-note">{note}</dd>
        </div>
      ))}
    </dl>
  );
}

const UNKNOWN = "–";

function figuresOf({ depth, deadLetters, quarantine }: Snapshot, sample: Sample | undefined): readonly BigFigure[] {
  return [
    rate("Stored", sample?.storedPerSecond),
    rate("Received", sample?.receivedPerSecond),
    {
      label: "Lag",
      text: sample === undefined ? UNKNOWN : formatDuration(sample.lagMs),
      note: "of the oldest not stored",
    },
    depth.ok
      ? {
          label: "Waiting",
          text: formatCount(depth.value.visible),
          title: plural(depth.value.visible, "message"),
          note: waitingNote(depth.value.delayed, deadLetters),
        }
      : { label: "Waiting", text: UNKNOWN, note: "the queue is away" },
    {
      label: "In flight",
      text: sample === undefined ? UNKNOWN : formatCount(sample.inFlight),
      note: "received, not settled",
    },
    quarantine.ok
      ? {
          label: "Quarantined",
          text: formatCount(quarantine.value.pending),
          title: plural(quarantine.value.pending, "event"),
          note: quarantine.value.pending > 0 ? "to replay or discard" : "nothing waits",
          href: linkTo("quarantine"),
        }
      : { label: "Quarantined", text: UNKNOWN, note: "the database is away" },
  ];
}

function waitingNote(delayed: number, deadLetters: Snapshot["deadLetters"]): string {
  const waits = delayed > 0 ? `and ${formatCount(delayed)} delayed` : "in the queue";
  if (!deadLetters.ok) return `${waits}; dead letters not known (${deadLetters.error.code})`;
  const dead = deadLetters.value?.waiting ?? 0;
  return dead === 0 ? waits : `${waits}; ${formatCount(dead)} dead ${dead === 1 ? "letter" : "letters"}`;
}

function rate(label: string, perSecond: number | undefined): BigFigure {
  const known = perSecond === undefined ? {} : { title: `${formatExactly(perSecond)} a second` };
  return { label, text: perSecond === undefined ? UNKNOWN : formatRate(perSecond), note: "events a second", ...known };
}
