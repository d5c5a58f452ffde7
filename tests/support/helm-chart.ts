import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments, stringify } from "yaml";
import { type ProgramEnd, runProgram } from "./programs.ts";

export const CHART_FOLDER = fileURLToPath(new URL("../../deploy/helm/piipe", import.meta.url));

export const PIPELINE = `source:
  sqs: { queue: login-queue }
sink:
  postgres: { url: "\${DATABASE_URL}", table: user_logins, maxConnections: 4 }
keys: { file: ./piipe.keys.json }
columns:
  user_id: { type: text }
`;

/** What every installation has to say. */
export const LEAST_VALUES = {
  image: { repository: "registry.example/piipe" },
  config: PIPELINE,
  secret: { existing: "piipe-secret" },
};

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
}

/** What a helm of one's own making takes for the cluster's version, is older than any that the chart is for. */
const KUBERNETES = "1.30.0";

/** Runs `helm lint` or `helm template` with these values. */
export async function helm(command: "lint" | "template", values: object, kubernetes = KUBERNETES): Promise<ProgramEnd> {
  const folder = await mkdtemp(join(tmpdir(), "piipe-helm-"));
  try {
    const file = join(folder, "values.yaml");
    await writeFile(file, stringify(values));
    const place = command === "lint" ? ["--strict", CHART_FOLDER] : ["logins", CHART_FOLDER, "--namespace", "events"];
    return await runProgram("helm", [command, ...place, "--values", file, "--kube-version", kubernetes]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The manifests of a release called `logins`. */
export async function render(values: object, kubernetes = KUBERNETES): Promise<readonly Manifest[]> {
  const { code, stdout, output } = await helm("template", values, kubernetes);
  if (code !== 0) throw new Error(output);
  // As Kubernetes reads it: 0440 is octal.
  return parseAllDocuments(stdout, { version: "1.1" })
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}
