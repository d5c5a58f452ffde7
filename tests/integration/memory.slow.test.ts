import { testFetchedMemory, testMemory, testUnpackedMemory } from "../support/drained-memory.ts";

testMemory(100_000);
testUnpackedMemory(400);
testFetchedMemory(400);
