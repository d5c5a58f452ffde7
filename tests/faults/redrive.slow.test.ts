import { testKilledRedrive } from "../support/killed-redrive.ts";

for (const point of ["received", "before COMMIT", "after COMMIT", "mid-delete"] as const) testKilledRedrive(point);
