import { testMemory } from "../support/drained-memory.ts";

testMemory(10_000);
