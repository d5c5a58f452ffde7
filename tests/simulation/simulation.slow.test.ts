import { testHaltingSeeds, testSeeds } from "./seeds.ts";

testSeeds(200);
testHaltingSeeds(20);
