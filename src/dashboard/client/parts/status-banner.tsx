import type { Snapshot } from "../../../app/snapshot.ts";
import { type SnapshotFinding, findingsOf, type Level } from "../findings.ts";
import { Prose } from "./prose.tsx";

const LEVELS: Readonly<Record<Level, { readonly mark: string; readonly name: string }>> = {
  good: { mark: "✓", name: "Well" },
  warn: { mark: "!", name: "Look" },
  bad: { mark: "✕", name: "Wrong" },
};

export function StatusBanner({ snapshot }: { readonly snapshot: Snapshot }) {
  const [first, ...others] = findingsOf(snapshot);
  return (
    <section class={`status ${first.level}`} aria-label="State">
      <div role="status">
        <FindingLine finding={first} />
      </div>
      {others.length > 0 && (
        <ul>
          {others.map((finding) => (
            <li key={finding.text} class={finding.level}>
              <FindingLine finding={finding} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function FindingLine({ finding: { level, text, detail, hint } }: { readonly finding: SnapshotFinding }) {
  const { mark, name } = LEVELS[level];
  return (
    <p>
      <span class="level" aria-hidden="true">
        {mark}
      </span>
      <span class="unseen">{name}: </span>
      <span>
        <strong>{text}</strong> {detail !== null && <Prose text={detail} />} {hint !== null && <Prose text={hint} />}
      </span>
    </p>
  );
}
