import { expect, test } from "vitest";
import { scenarioOf, testHaltingSeeds, testKnownSeeds, testSeeds } from "./seeds.ts";
import { simulate } from "./simulate.ts";

testSeeds(60);
testHaltingSeeds(9);
testKnownSeeds([1_100], [140, 271, 1_095, 1_701]);

test("a seed runs the same way every time", async () => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const first = await simulate(scenarioOf(seed));
    const second = await simulate(scenarioOf(seed));
    expect(second.trace()).toEqual(first.trace());
    expect(first.trace().length).toBeGreaterThan(0);
  }
});
