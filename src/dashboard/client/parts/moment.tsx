import { formatTime, formatUtc } from "../format.ts";

/** A point in time in the viewer's zone; in UTC where the pointer rests. */
export function Moment({ utc }: { readonly utc: string }) {
  return (
    <time dateTime={utc} title={formatUtc(utc)}>
      {formatTime(utc, { nowMs: Date.now() })}
    </time>
  );
}
