import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { S3_PERMISSIONS } from "../../src/sources/s3/s3-errors.ts";
import { IAM_ACTIONS } from "../../src/sources/sqs/client/sqs-actions.ts";

interface Policy {
  readonly Version: string;
  readonly Statement: readonly {
    readonly Sid: string;
    readonly Effect: string;
    readonly Action: readonly string[];
    readonly Resource: string;
  }[];
}

const read = async (name: string): Promise<Policy> =>
  JSON.parse(await readFile(new URL(`../../deploy/aws/${name}`, import.meta.url), "utf8")) as Policy;

/** Every request goes through the typed list of actions, so that nothing else can be sent. */
const NEEDED = [...new Set(Object.values(IAM_ACTIONS))].toSorted();

test("a worker's policy allows what the pipeline sends, and nothing else", async () => {
  const policy = await read("worker-policy.json");
  expect(policy.Version).toBe("2012-10-17");
  expect(policy.Statement).toHaveLength(1);
  expect(policy.Statement[0]).toMatchObject({ Effect: "Allow", Action: NEEDED });
  expect(policy.Statement[0]?.Resource).toMatch(/^arn:aws:sqs:[\w-]+:\d{12}:[\w-]+$/);
});

test("the policy of a redrive reads the queue, and works off its dead-letter queue", async () => {
  const [queue, deadLetters] = (await read("redrive-policy.json")).Statement;
  expect(queue).toMatchObject({ Effect: "Allow", Action: ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"] });
  expect(deadLetters).toMatchObject({ Effect: "Allow", Action: NEEDED });
  expect(deadLetters?.Resource).not.toBe(queue?.Resource);
});

test("the policies of objects allow to read them, and to delete them only apart from that", async () => {
  const [objects, bucket] = (await read("objects-policy.json")).Statement;
  const [deletion, ...more] = (await read("delete-objects-policy.json")).Statement;
  expect(objects).toMatchObject({ Effect: "Allow", Action: [S3_PERMISSIONS.GetObject] });
  expect(bucket).toMatchObject({ Effect: "Allow", Action: ["s3:ListBucket"] });
  expect(deletion).toMatchObject({ Effect: "Allow", Action: [S3_PERMISSIONS.DeleteObject] });
  expect(more).toEqual([]);
  expect(objects?.Resource).toBe(`${bucket?.Resource}/*`);
  expect(deletion?.Resource).toBe(objects?.Resource);
});

test.each([
  ["secret-policy.json", "secretsmanager:GetSecretValue", /^arn:aws:secretsmanager:[\w-]+:\d{12}:secret:[\w/-]+$/],
  ["rds-connect-policy.json", "rds-db:connect", /^arn:aws:rds-db:[\w-]+:\d{12}:dbuser:[\w-]+\/[\w-]+$/],
])("%s allows %s on one thing, and nothing else", async (name, action, resource) => {
  const [statement, ...more] = (await read(name)).Statement;
  expect(statement).toMatchObject({ Effect: "Allow", Action: [action] });
  expect(statement?.Resource).toMatch(resource);
  expect(more).toEqual([]);
});
