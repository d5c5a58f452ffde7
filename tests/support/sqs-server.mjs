/**
 * The queue server of `src/embedded/sqs.ts` in a process of its own, without a build: prints its endpoint, ends with its
 * standard input.
 */
import process from "node:process";
import { buildApp } from "fauxqs";

const app = buildApp({ logger: false, defaultRegion: "us-west-1" });
process.stdout.write(`${await app.listen({ host: "127.0.0.1", port: 0 })}\n`);
process.stdin.resume().once("end", () => void app.close().then(() => process.exit()));
