import type { Result } from "../../pipeline/contracts.ts";
import type { ErrorReply } from "../api.ts";

/** Why something could not be shown or done. `code` is null where piipe itself did not answer. */
export interface RequestProblem {
  readonly code: string | null;
  readonly message: string;
  readonly hint: string | null;
}

export function getJson<T>(path: string, abort: AbortSignal): Promise<Result<T, RequestProblem>> {
  return request(path, { signal: abort });
}

export function postJson<T>(path: string, body: unknown): Promise<Result<T, RequestProblem>> {
  return request(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function request<T>(path: string, init: RequestInit): Promise<Result<T, RequestProblem>> {
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(path, { ...init, cache: "no-store" });
    body = await response.json().catch(() => null);
  } catch {
    return {
      ok: false,
      error: { code: null, message: "piipe does not answer", hint: "Is it still running? The page goes on by itself." },
    };
  }
  if (response.ok && body !== null) return { ok: true, value: body as T };
  const failure = body as Partial<ErrorReply> | null;
  const unknown = { code: null, message: `piipe answered with status ${response.status}`, hint: signInHint(response) };
  return { ok: false, error: failure?.error ?? unknown };
}

function signInHint({ status }: Response): string | null {
  return status === 401 ? "Open the address with the token that piipe printed when it started." : null;
}
