/** Removes what the build wrote: a package must not carry the output of a source that is gone. */
import { rmSync } from "node:fs";

rmSync(new URL("../dist", import.meta.url), { recursive: true, force: true });
