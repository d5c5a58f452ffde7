import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { PROMISED_PERCENTS, planScale } from "../../src/app/scale-plan.ts";
import { LEAST_VALUES, type Manifest, PIPELINE, helm, render } from "../support/helm-chart.ts";
import { findProgram, runProgram } from "../support/programs.ts";
import { valueAt } from "../support/value-at.ts";

const QUEUE_URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/login-queue";
const SCALING = {
  enabled: true,
  queueUrl: QUEUE_URL,
  region: "eu-central-1",
  promise: { percent: 99, withinSeconds: 60 } as const,
  messagesPerSecond: { peak: 5_000, worker: 2_000 },
};
const EXTERNAL = {
  store: "aws",
  storeKind: "ClusterSecretStore",
  databaseUrl: "logins/url",
  keyring: "logins/keyring",
};
const INLINE = { databaseUrl: "postgres://piipe:secret@db.example/events", keyring: '{"version":1}' };

/** Each switch by itself, and all that go together. */
const SWITCHES: Readonly<Record<string, object>> = {
  "the least": {},
  "an external secret": { secret: { external: EXTERNAL } },
  "a secret of its own": { secret: INLINE },
  "a role": { serviceAccount: { roleArn: "arn:aws:iam::123456789012:role/piipe" } },
  "an account of another name": { serviceAccount: { name: "logins-worker" } },
  "a digest": { image: { repository: "registry.example/piipe", digest: `sha256:${"0".repeat(64)}` } },
  "a registry's secret, and variables": {
    imagePullSecrets: [{ name: "registry" }],
    env: [{ name: "AWS_REGION", value: "eu-central-1" }],
  },
  "no migration": { migration: { enabled: false } },
  "a migration as the owner": { migration: { enabled: true, existingSecret: "piipe-owner" }, secret: INLINE },
  scaling: { scaling: SCALING },
  "scaling to nothing": { scaling: { ...SCALING, workersMin: 0, endpoint: "http://queue.example:4566" } },
  "a monitor": { podMonitor: { enabled: true, labels: { release: "prometheus" } } },
  "a network policy": { networkPolicy: { enabled: true } },
  "a narrow network policy": {
    networkPolicy: {
      enabled: true,
      databaseCidrs: ["10.1.0.0/16"],
      databasePort: 6432,
      awsCidrs: ["10.2.0.0/16"],
      metricsFrom: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } },
    },
  },
  "all at once": {
    secret: { external: EXTERNAL },
    scaling: { ...SCALING, identityOwner: "workload" },
    podMonitor: { enabled: true },
    networkPolicy: { enabled: true },
  },
};

const valuesOf = (changes: object): object => ({ ...LEAST_VALUES, ...changes });
const kindsOf = (manifests: readonly Manifest[]): readonly string[] => manifests.map(({ kind }) => kind).toSorted();

function one(manifests: readonly Manifest[], kind: string): Manifest {
  const [found, ...more] = manifests.filter((manifest) => manifest.kind === kind);
  if (found === undefined || more.length > 0) throw new Error(`not one ${kind}: ${kindsOf(manifests).join(", ")}`);
  return found;
}

/** In the pod of the migration: where its DATABASE_URL comes from. */
const SECRET_NAME = "containers.0.env.0.valueFrom.secretKeyRef.name";

/** The schemas of Kubernetes itself; what operators bring (KEDA, Prometheus, External Secrets) has none here. */
const FOREIGN = /^(?:keda\.sh|monitoring\.coreos\.com|external-secrets\.io)\//;

const VERSIONS_SCRIPT = `
import os, kubernetes_validate
folder = os.path.join(os.path.dirname(kubernetes_validate.__file__), "kubernetes-json-schema")
versions = [name[1:].split("-")[0] for name in os.listdir(folder) if name.endswith("-local-strict")]
versions.sort(key=lambda version: [int(part) for part in version.split(".")])
print(versions[0], versions[-1])
`;

/** The interpreter that has kubernetes-validate is named in the program's first line. */
async function kubernetesVersions(): Promise<readonly string[]> {
  const program = findProgram("kubernetes-validate");
  const python = /^#!(\S+)/.exec(await readFile(program ?? "", "utf8"))?.[1] ?? "";
  const { code, stdout, output } = await runProgram(python, ["-c", VERSIONS_SCRIPT]);
  if (code !== 0) throw new Error(output);
  return stdout.trim().split(" ");
}

describe.skipIf(findProgram("helm") === null)("the Helm chart (needs helm 3)", () => {
  it.each(Object.entries(SWITCHES))("satisfies helm lint with %s", async (_, changes) => {
    const { code, output } = await helm("lint", valuesOf(changes));
    expect(output).toContain("0 chart(s) failed");
    expect(code).toBe(0);
  });

  it.skipIf(findProgram("kubernetes-validate") === null)(
    "is valid for the oldest and the newest Kubernetes that kubernetes-validate knows, with each switch",
    async () => {
      const validate = (version: string, manifests: readonly Manifest[]) =>
        runProgram(
          "kubernetes-validate",
          ["--strict", "--kubernetes-version", version, "-"],
          manifests.map((manifest) => JSON.stringify(manifest)).join("\n---\n"),
        );
      for (const version of await kubernetesVersions()) {
        const all: Manifest[] = [];
        for (const changes of Object.values(SWITCHES)) {
          const manifests = await render(valuesOf(changes), version);
          all.push(...manifests.filter(({ apiVersion }) => !FOREIGN.test(apiVersion)));
        }
        expect(await validate(version, all)).toMatchObject({ code: 0 });
        const deployment = one(await render(LEAST_VALUES, version), "Deployment");
        const wrong = { ...deployment, spec: { ...(valueAt(deployment, "spec") as object), replica: 1 } };
        expect((await validate(version, [wrong])).output).toContain("'replica' was unexpected");
      }
    },
  );

  it("brings what a worker needs, and no more, by default", async () => {
    expect(kindsOf(await render(LEAST_VALUES))).toEqual(
      ["ConfigMap", "ConfigMap", "Deployment", "Job", "PodDisruptionBudget", "ServiceAccount"].toSorted(),
    );
  });

  it("runs a worker with the fewest rights, and gives it the time to drain", async () => {
    const deployment = one(await render({ ...LEAST_VALUES, drainTimeoutSeconds: 120 }), "Deployment");
    const pod = valueAt(deployment, "spec.template.spec");
    const container = valueAt(pod, "containers.0");
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 130,
      securityContext: { runAsNonRoot: true, fsGroup: 1000, seccompProfile: { type: "RuntimeDefault" } },
    });
    expect(container).toMatchObject({
      args: ["run", "--config=/etc/piipe/piipe.yaml", "--drain-timeout=120", "--metrics=0.0.0.0:9464"],
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ["ALL"] },
      },
      livenessProbe: { httpGet: { path: "/healthz", port: "metrics" } },
      readinessProbe: { httpGet: { path: "/readyz", port: "metrics" } },
      ports: [{ name: "metrics", containerPort: 9464 }],
    });
    // A keyring that others could read is refused by piipe; decimal 288 is mode 0440.
    expect(valueAt(pod, "volumes.0.projected.defaultMode")).toBe(0o440);
    expect(valueAt(container, "volumeMounts")).toEqual([{ name: "piipe", mountPath: "/etc/piipe", readOnly: true }]);
    expect(valueAt(deployment, "spec")).toMatchObject({ replicas: 2, strategy: { rollingUpdate: { maxSurge: 0 } } });
  });

  it("gives the configuration as it was written, and restarts workers when it changes", async () => {
    const manifests = await render(LEAST_VALUES);
    const maps = manifests.filter(({ kind }) => kind === "ConfigMap");
    for (const map of maps) expect(valueAt(map, "data")).toEqual({ "piipe.yaml": PIPELINE });
    const hash = (each: readonly Manifest[]): unknown =>
      valueAt(one(each, "Deployment"), "spec.template.metadata.annotations.piipe/config");
    const other = await render({ ...LEAST_VALUES, config: `${PIPELINE}# another\n` });
    expect(hash(other)).not.toBe(hash(manifests));
  });

  it("migrates before an installation and before an upgrade, with what such a hook can see", async () => {
    for (const secret of [LEAST_VALUES.secret, INLINE, { external: EXTERNAL }]) {
      const manifests = await render({ ...LEAST_VALUES, secret });
      const job = one(manifests, "Job");
      expect(job.metadata.annotations).toMatchObject({ "helm.sh/hook": "pre-install,pre-upgrade" });
      const pod = valueAt(job, "spec.template.spec");
      expect(valueAt(pod, "containers.0.args")).toEqual(["migrate", "--config=/etc/piipe/piipe.yaml"]);
      expect(valueAt(pod, "serviceAccountName")).toBeUndefined();
      const hooks = manifests.filter(
        ({ metadata }) => metadata.annotations?.["helm.sh/hook"] === "pre-install,pre-upgrade",
      );
      const names = hooks.filter(({ kind }) => kind !== "Job").map(({ metadata }) => metadata.name);
      expect(names).toContain(valueAt(pod, "volumes.0.configMap.name"));
      expect(["piipe-secret", ...names]).toContain(valueAt(pod, SECRET_NAME));
    }
    const owner = await render(valuesOf(SWITCHES["a migration as the owner"] ?? {}));
    expect(valueAt(one(owner, "Job"), `spec.template.spec.${SECRET_NAME}`)).toBe("piipe-owner");
    expect(owner.filter(({ kind }) => kind === "Secret")).toHaveLength(1);
  });

  it("scales by what waits and what is in flight", async () => {
    const manifests = await render(valuesOf({ scaling: { ...SCALING, workersMin: 0 } }));
    const plan = planScale({ ...SCALING.promise, peakPerSecond: 5_000, workerPerSecond: 2_000, maxConnections: 4 });
    expect(valueAt(one(manifests, "ScaledObject"), "spec")).toMatchObject({
      minReplicaCount: 0,
      maxReplicaCount: plan.workersMax,
      cooldownPeriod: 300,
      fallback: { replicas: plan.workersMax },
      triggers: [
        {
          type: "aws-sqs-queue",
          metadata: { queueURL: QUEUE_URL, queueLength: String(plan.queueLength), scaleOnInFlight: "true" },
        },
      ],
    });
    expect(valueAt(one(manifests, "ScaledObject"), "spec.triggers.0.metadata.identityOwner")).toBeUndefined();
    // Two that set the number of replicas would fight over it.
    expect(valueAt(one(manifests, "Deployment"), "spec.replicas")).toBeUndefined();
  });

  it("plans as `piipe check --plan` does", async () => {
    const cases = PROMISED_PERCENTS.flatMap((percent) =>
      [
        [31, 1, 1],
        [45, 999, 1_000],
        [60, 5_000, 2_000],
        [3_600, 9_999_999, 777],
      ].map(([withinSeconds = 0, peak = 0, worker = 0]) => ({ percent, withinSeconds, peak, worker })),
    );
    for (const { percent, withinSeconds, peak, worker } of cases) {
      const manifests = await render({
        ...LEAST_VALUES,
        config: PIPELINE.replace("maxConnections: 4", "maxConnections: 1"),
        database: { connectionsMax: 100_000 },
        scaling: { ...SCALING, promise: { percent, withinSeconds }, messagesPerSecond: { peak, worker } },
      });
      const plan = planScale({
        percent,
        withinSeconds,
        peakPerSecond: peak,
        workerPerSecond: worker,
        maxConnections: 1,
      });
      expect(valueAt(one(manifests, "ScaledObject"), "spec")).toMatchObject({
        maxReplicaCount: plan.workersMax,
        triggers: [{ metadata: { queueLength: String(plan.queueLength) } }],
      });
    }
  });

  it("knows what piipe connects with when the configuration does not say", async () => {
    const config = PIPELINE.replace(", maxConnections: 4", "");
    const { code, output } = await helm("template", {
      ...LEAST_VALUES,
      config,
      replicas: 2,
      database: { connectionsMax: 11 },
    });
    expect(code).not.toBe(0);
    expect(output).toContain("open up to 12 connections of 4 each: database.connectionsMax is 11");
  });

  it.each([
    [19, false],
    [20, true],
  ])("of %d connections for four workers and one in the place of another: fits %j", async (connectionsMax, fits) => {
    for (const sized of [{ replicas: 4 }, { scaling: SCALING }]) {
      const { code, output } = await helm("template", { ...LEAST_VALUES, ...sized, database: { connectionsMax } });
      expect(code === 0).toBe(fits);
      if (!fits) expect(output).toContain("database.connectionsMax is 19. Lower sink.postgres.maxConnections");
    }
  });

  it.each([
    ["no image", { image: { repository: "" } }, "image.repository is missing"],
    ["no configuration", { config: "" }, "config is missing: --set-file config=piipe.yaml"],
    ["a configuration that is no YAML", { config: "source: {" }, "config is no YAML"],
    [
      "connections that only the worker would know",
      { config: PIPELINE.replace(": 4", ': "${N}"') },
      "must be a number in config",
    ],
    ["no secret", { secret: { existing: "" } }, "exactly one of existing"],
    ["two secrets", { secret: { existing: "a", external: EXTERNAL } }, "exactly one of existing"],
    ["half a secret", { secret: { databaseUrl: "postgres://db.example/events" } }, "secret.keyring is missing"],
    ["half an external secret", { secret: { external: { store: "aws" } } }, "secret.external.databaseUrl is missing"],
    ["a queue without its URL", { scaling: { ...SCALING, queueUrl: "" } }, "scaling.queueUrl is missing"],
    ["a queue without its region", { scaling: { ...SCALING, region: "" } }, "scaling.region is missing"],
    ["a setting that is none", { replica: 3 }, "replica"],
  ])("is not rendered with %s", async (_, wrong, text) => {
    const { code, output } = await helm("template", valuesOf(wrong));
    expect(code).not.toBe(0);
    expect(output).toContain(text);
  });
});
