import { testKilledWorker } from "../support/killed-worker.ts";

testKilledWorker(2_000);
