import { effect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { formatCount, plural } from "./format.ts";
import { connection, hello, snapshot } from "./live.ts";
import { ConfigPage } from "./pages/config.tsx";
import { DuplicatesPage } from "./pages/duplicates.tsx";
import { OverviewPage } from "./pages/overview.tsx";
import { QuarantinePage } from "./pages/quarantine.tsx";
import { Mark } from "./parts/mark.tsx";
import { Moment } from "./parts/moment.tsx";
import { linkTo, type Page, PAGES, route } from "./route.ts";
import { chooseTheme, nextThemeChoice, themeChoice } from "./theme.ts";

const TITLES: Readonly<Record<Page, string>> = {
  overview: "Overview",
  quarantine: "Quarantine",
  duplicates: "Duplicates",
  config: "Config",
};

export function App() {
  const { page } = route.value;
  const isStale = connection.value.kind === "lost";
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${TITLES[page]} · piipe`;
  }, [page]);
  // Not on the first page: there the reader starts at the top.
  useEffect(() => {
    let before: Page | null = null;
    return effect(() => {
      if (before !== null && before !== route.value.page) heading.current?.focus();
      before = route.value.page;
    });
  }, []);
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          heading.current?.focus();
        }}
      >
        Skip to the page
      </a>
      <Header page={page} />
      <ConnectionNote />
      <main id="main" class={isStale ? "stale" : ""}>
        <h1 ref={heading} tabIndex={-1}>
          {TITLES[page]}
        </h1>
        <Content page={page} />
      </main>
      <footer>
        {hello.value !== null && <span>piipe {hello.value.version}</span>}
        <span>Counts, times, codes and tokens only: no raw value reaches this page.</span>
      </footer>
    </>
  );
}

function Header({ page }: { readonly page: Page }) {
  const now = snapshot.value;
  return (
    <header>
      <div class="brand">
        <Mark />
        <span class="brand-name">piipe</span>
        {now !== null && (
          <span class="route-of-data" title={`${now.queue} → ${now.table}`}>
            <strong>{now.pipeline}</strong> <span>{shortQueue(now.queue)}</span> <span aria-label="into">→</span>{" "}
            <span>{now.table}</span>
          </span>
        )}
      </div>
      <ThemeButton />
      <nav aria-label="Pages">
        {PAGES.map((name) => (
          <a key={name} href={linkTo(name)} aria-current={name === page ? "page" : undefined}>
            {TITLES[name]}
            {name === "quarantine" && <Waiting />}
          </a>
        ))}
      </nav>
    </header>
  );
}

function Waiting(): ComponentChildren {
  const part = snapshot.value?.quarantine;
  if (part === undefined || !part.ok || part.value.pending === 0) return null;
  return (
    <span class="badge" title={`${plural(part.value.pending, "event")} waiting`}>
      {formatCount(part.value.pending)}
      <span class="unseen"> waiting</span>
    </span>
  );
}

function ThemeButton() {
  const now = `Theme: ${themeChoice.value}`;
  const next = nextThemeChoice();
  return (
    <button
      type="button"
      class="quiet"
      aria-label={`${now}. Switch to ${next}`}
      title={`Switch to ${next}`}
      onClick={() => chooseTheme(next)}
    >
      <svg viewBox="0 0 20 20" width="16" height="16" aria-hidden="true">
        <circle cx="10" cy="10" r="7" fill="none" stroke="currentColor" stroke-width="2" />
        <path d="M10 3a7 7 0 0 1 0 14z" fill="currentColor" />
      </svg>
      {now}
    </button>
  );
}

/** The region is always there: a screen reader only hears of changes in one that it knows. */
function ConnectionNote() {
  const state = connection.value;
  return (
    <div role="status" class="connection">
      {state.kind === "lost" && (
        <p>
          {state.sinceMs === null ? (
            "Not connected: piipe does not answer. "
          ) : (
            <>
              Not connected since <Moment utc={new Date(state.sinceMs).toISOString()} />: what you see is from
              then.{" "}
            </>
          )}
          <span>Trying again by itself. If piipe was started anew, open the address that it printed.</span>
        </p>
      )}
    </div>
  );
}

function Content({ page }: { readonly page: Page }) {
  if (page === "config") return <ConfigPage />;
  if (hello.value === null || snapshot.value === null) return <p class="empty">Waiting for the first figures …</p>;
  if (page === "quarantine") return <QuarantinePage hello={hello.value} />;
  if (page === "duplicates") return <DuplicatesPage hello={hello.value} />;
  return <OverviewPage snapshot={snapshot.value} />;
}

/** An ARN's or a URL's last part is the queue's name. */
function shortQueue(queue: string): string {
  return queue.split(/[/:]/).findLast((part) => part !== "") ?? queue;
}
