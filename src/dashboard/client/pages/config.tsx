import type { ConfigPage as Answer } from "../../api.ts";
import { ProblemNote } from "../parts/problem-note.tsx";
import { useLoaded } from "../use-loaded.ts";

export function ConfigPage() {
  const { value, problem } = useLoaded<Answer>("/api/config");
  return (
    <>
      <p class="lead">What runs, with every default filled in. Secrets are left out.</p>
      {problem !== null && <ProblemNote problem={problem} />}
      {value !== null && value.warnings.length > 0 && (
        <section class="note warn" aria-labelledby="warnings">
          <h2 id="warnings">Warnings</h2>
          <ul>
            {value.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </section>
      )}
      {value !== null && (
        <pre class="card yaml" tabIndex={0} role="region" aria-label="Configuration as YAML">
          {value.yaml.split("\n").map((line, index) => (
            <YamlLine key={index} line={line} />
          ))}
        </pre>
      )}
    </>
  );
}

/** Keys apart from values, which is all the colour that it needs. */
function YamlLine({ line }: { readonly line: string }) {
  const [, indent = "", key = "", rest = line] = /^(\s*(?:- )*)([^\s:#'"][^:#]*:)(?=\s|$)(.*)$/.exec(line) ?? [];
  return (
    <span>
      {indent}
      {key !== "" && <span class="yaml-key">{key}</span>}
      {rest}
      {"\n"}
    </span>
  );
}
