import { testUpsertSeeds } from "./upsert-model.ts";

testUpsertSeeds(30);
