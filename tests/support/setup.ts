import { afterAll } from "vitest";
import { endCommands } from "./cli.ts";
import { checkForLeaks } from "./leaks.ts";
import { endIdleSessions } from "./postgres.ts";

// Hooks of the end run in the opposite order.
checkForLeaks();
afterAll(endIdleSessions);
afterAll(endCommands);
