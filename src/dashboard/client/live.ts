import { batch, signal } from "@preact/signals";
import type { Snapshot } from "../../app/snapshot.ts";
import type { Hello, Sample, Tick } from "../api.ts";
import { appendSample } from "./samples.ts";

export type Connection =
  | { readonly kind: "connecting" }
  | { readonly kind: "open" }
  /** When the last word came; null: there was none. */
  | { readonly kind: "lost"; readonly sinceMs: number | null };

export const connection = signal<Connection>({ kind: "connecting" });
/** What is shown stays when the connection is lost: it is dimmed, not taken away. */
export const hello = signal<Hello | null>(null);
export const snapshot = signal<Snapshot | null>(null);
export const samples = signal<readonly Sample[]>([]);

/** A tick comes each second; a connection may also end without anyone being told. */
const SILENCE_MAX_MS = 6_000;
const RETRY_MS = { first: 500, most: 8_000 };

/** For as long as the page is open. */
export function connect(): void {
  let lastWordMs: number | null = null;
  let retryMs = RETRY_MS.first;
  let silence: ReturnType<typeof setTimeout> | undefined;

  const open = (): void => {
    const source = new EventSource("/api/stream");
    const hear = (): void => {
      lastWordMs = Date.now();
      retryMs = RETRY_MS.first;
      clearTimeout(silence);
      silence = setTimeout(lose, SILENCE_MAX_MS);
      if (connection.value.kind !== "open") connection.value = { kind: "open" };
    };
    // EventSource would try again by itself, but not after every failure, nor after a silence.
    const lose = (): void => {
      source.close();
      clearTimeout(silence);
      if (connection.value.kind !== "lost") connection.value = { kind: "lost", sinceMs: lastWordMs };
      setTimeout(open, retryMs);
      retryMs = Math.min(2 * retryMs, RETRY_MS.most);
    };
    silence = setTimeout(lose, SILENCE_MAX_MS);
    source.addEventListener("error", lose);
    source.addEventListener("hello", ({ data }: MessageEvent<string>) =>
      batch(() => {
        hear();
        greet(JSON.parse(data) as Hello);
      }),
    );
    source.addEventListener("tick", ({ data }: MessageEvent<string>) =>
      batch(() => {
        hear();
        const tick = JSON.parse(data) as Tick;
        snapshot.value = tick.snapshot;
        samples.value = appendSample(samples.value, tick.sample);
      }),
    );
  };
  open();
}

function greet(greeting: Hello): void {
  // Another piipe than the one that gave these pages: they may no longer understand each other.
  if (hello.value !== null && hello.value.version !== greeting.version) location.reload();
  hello.value = greeting;
  samples.value = greeting.history;
}
