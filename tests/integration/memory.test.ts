import { testMemory } from "../support/drained-memory.ts";

testMemory(5_000);
