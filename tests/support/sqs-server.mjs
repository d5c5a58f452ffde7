/** The embedded queue server in a process of its own: prints its endpoint, ends with its standard input. */
import process from "node:process";

/** @type {typeof import("../../src/embedded/sqs.ts")} */
const { startSqs } = await import(new URL("../../dist/embedded/sqs.js", import.meta.url).href);
const sqs = await startSqs();
process.stdout.write(`${sqs.endpoint}\n`);
process.stdin.resume().once("end", () => void sqs.stop().then(() => process.exit()));
