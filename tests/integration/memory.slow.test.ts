import { testMemory } from "../support/drained-memory.ts";

testMemory(100_000);
