import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { expect, test } from "vitest";
import { findLeaks, openResources } from "./leaks.ts";

test("an open server and an open socket are leaks until they are closed", async () => {
  const before = openResources();
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await Promise.all([once(socket, "connect"), once(server, "connection")]);
  expect(await findLeaks(before, 0)).toEqual(["1 TCPServerWrap", "2 TCPSocketWrap"]);

  socket.destroy();
  server.close();
  expect(await findLeaks(before, 3_000)).toEqual([]);
});

test("a child process is a leak until it has ended", async () => {
  const before = openResources();
  const child = spawn(process.execPath, ["--eval", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  expect(await findLeaks(before, 0)).toEqual(["1 ProcessWrap"]);

  child.kill("SIGKILL");
  expect(await findLeaks(before, 3_000)).toEqual([]);
});
