import { type IncomingMessage, request } from "node:http";
import { until } from "./until.ts";

export interface StreamedEvent {
  readonly event: string;
  readonly data: unknown;
}

/** A viewer of server-sent events. */
export interface EventStream {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  /** All that came so far. */
  readonly events: readonly StreamedEvent[];
  /** Everything that came, as it came. */
  readonly text: () => string;
  readonly hasEnded: () => boolean;
  /** The first event from `from` on for which the condition holds. */
  find(what: string, condition: (event: StreamedEvent) => boolean, from?: number): Promise<StreamedEvent>;
  close(): void;
}

export function watchEvents(url: string, headers: Readonly<Record<string, string>> = {}): Promise<EventStream> {
  return new Promise((resolve, reject) => {
    const asking = request(url, { headers, agent: false }, (response) => {
      const events: StreamedEvent[] = [];
      let text = "";
      let rest = "";
      let hasEnded = false;
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        const messages = (rest + chunk).split("\n\n");
        rest = messages.pop() ?? "";
        events.push(...messages.map(parse));
      });
      response.on("close", () => (hasEnded = true));
      response.on("error", () => {});
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        events,
        text: () => text,
        hasEnded: () => hasEnded,
        async find(what, condition, from = 0) {
          const found = (): StreamedEvent | undefined => events.slice(from).find(condition);
          await until(what, () => found() !== undefined);
          return found() as StreamedEvent;
        },
        close: () => asking.destroy(),
      });
    });
    asking.on("error", reject);
    asking.end();
  });
}

function parse(message: string): StreamedEvent {
  const [, event = "", data = "null"] = /^event: (.*)\ndata: (.*)$/.exec(message) ?? [];
  return { event, data: JSON.parse(data) };
}
