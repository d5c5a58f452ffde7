import { testKilledWorker } from "../support/killed-worker.ts";

testKilledWorker(20_000);
