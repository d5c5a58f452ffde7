import { useCallback, useEffect, useState } from "preact/hooks";
import { getJson, type RequestProblem } from "./api-client.ts";

export interface Loaded<T> {
  /** Of the last answer: it stays while a newer one is awaited, so that nothing jumps. */
  readonly value: T | null;
  /** Of the last try. */
  readonly problem: RequestProblem | null;
  readonly isLoading: boolean;
  readonly reload: () => void;
}

/** Asks when the part is first shown, when the path changes, and by `reload`. */
export function useLoaded<T>(path: string): Loaded<T> {
  const [state, setState] = useState<{ readonly value: T | null; readonly problem: RequestProblem | null }>({
    value: null,
    problem: null,
  });
  const [isLoading, setIsLoading] = useState(true);
  const [round, setRound] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    setIsLoading(true);
    void getJson<T>(path, abort.signal).then((result) => {
      if (abort.signal.aborted) return;
      setIsLoading(false);
      setState(({ value }) => (result.ok ? { value: result.value, problem: null } : { value, problem: result.error }));
    });
    return () => abort.abort();
  }, [path, round]);
  const reload = useCallback(() => setRound((before) => before + 1), []);
  return { ...state, isLoading, reload };
}
