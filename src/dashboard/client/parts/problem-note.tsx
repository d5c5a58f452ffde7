import type { RequestProblem } from "../api-client.ts";
import { Prose } from "./prose.tsx";

export function ProblemNote({ problem }: { readonly problem: RequestProblem }) {
  return (
    <div class="note bad" role="alert">
      <p>
        <strong>
          <Prose text={problem.message} />.
        </strong>
        {problem.code !== null && <code>{problem.code}</code>}
      </p>
      {problem.hint !== null && (
        <p>
          <Prose text={problem.hint} />
        </p>
      )}
    </div>
  );
}
