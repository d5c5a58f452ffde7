import { testUpsertSeeds } from "./upsert-model.ts";

testUpsertSeeds(1_000);
