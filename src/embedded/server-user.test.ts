import { expect, test } from "vitest";
import { pickServerUser } from "./server-user.ts";

const NOBODY = "nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin";

test.each([
  [
    "postgres before nobody",
    `root:x:0:0::/root:/bin/sh\n${NOBODY}\npostgres:x:101:104::/:/bin/sh\n`,
    { uid: 101, gid: 104 },
  ],
  ["nobody where there is no postgres", `root:x:0:0::/root:/bin/sh\n${NOBODY}`, { uid: 65_534, gid: 65_533 }],
  ["no user whose name only begins alike", "postgresql:x:7:7::/:\nroot:x:0:0::/:", null],
  ["no user who is root by another name", "postgres:x:0:0::/:/bin/sh", null],
  ["none in an empty file", "", null],
])("picks %s", (_, passwd, user) => {
  expect(pickServerUser(passwd)).toEqual(user);
});
