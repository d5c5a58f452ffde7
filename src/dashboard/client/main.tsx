import { render } from "preact";
import { App } from "./app.tsx";
import { connect } from "./live.ts";
import { followHash } from "./route.ts";
import { applyTheme } from "./theme.ts";

applyTheme();
followHash();
connect();

const host = document.querySelector("#app");
if (host !== null) render(<App />, host);
