import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const folder = fileURLToPath(new URL(".", import.meta.url));

export default defineConfig({
  root: folder,
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    outDir: fileURLToPath(new URL("../../../dist/dashboard/client", import.meta.url)),
    emptyOutDir: true,
    // The server's content security policy allows files of its own only, and no inline script.
    assetsInlineLimit: 0,
    modulePreload: false,
    sourcemap: false,
  },
  logLevel: "warn",
});
