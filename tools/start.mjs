/**
 * `npm start`: builds when needed, then becomes `piipe demo` in this very process, so that a signal to it reaches the
 * pipeline. Neither `prestart` nor `prepare` would do: they do not run where install scripts are blocked.
 */
import { pathToFileURL } from "node:url";
import { build, mainFile } from "./build.mjs";

if (!(await build())) process.exit(1);

// npm passes SIGINT and SIGTERM on, but cannot when it is killed: then drain instead of staying behind.
// Without npm, as under nohup, the parent may well end first.
if (process.env["npm_lifecycle_event"] === "start") {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, "SIGTERM");
  }, 500).unref();
}

process.argv.splice(1, 1, mainFile, "demo");
await import(pathToFileURL(mainFile).href);
