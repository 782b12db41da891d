import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { get, onRefusedKey, type Problem } from "./api/client.ts";
import { keepKey, keyOf } from "./api/session.ts";
import type { Me } from "./api/types.ts";
import { problemOf } from "./hooks/use-loaded.ts";
import { MeContext, may } from "./hooks/use-me.ts";
import { link, useRoute } from "./hooks/use-route.ts";
import { Empty, Loading, Page } from "./parts/basics.tsx";
import { ConnectionMark } from "./parts/connection.tsx";
import { ThemeButton } from "./parts/theme.tsx";
import { CaseView } from "./views/case.tsx";
import { CasesView } from "./views/cases.tsx";
import { ChecklistView } from "./views/checklist.tsx";
import { CorrectionView } from "./views/correction.tsx";
import { KeyView } from "./views/key.tsx";
import { LiveView } from "./views/live.tsx";
import { OverviewView } from "./views/overview.tsx";
import { PoliciesView } from "./views/policies.tsx";
import { ProvidersView } from "./views/providers.tsx";
import { ReceiptView } from "./views/receipt.tsx";
import { ReceiptsView } from "./views/receipts.tsx";
import { ReviewsView } from "./views/reviews.tsx";
import { RunView } from "./views/run.tsx";
import { RunsView } from "./views/runs.tsx";

const VIEWS = [
  ["", "Overview"],
  ["reviews", "Review"],
  ["receipts", "Receipts"],
  ["live", "Live"],
  ["runs", "Runs"],
  ["cases", "Cases"],
  ["correction", "Correction"],
  ["policies", "Policies"],
  ["providers", "Providers"],
  ["checklist", "Checklist"],
] as const;

/** Who is there comes first: without a good key there is nothing to see. */
export function App(): JSX.Element {
  const [me, setMe] = useState<Me | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const look = async (): Promise<void> => {
    setProblem(null);
    try {
      setMe(await get<Me>("/v1/me"));
    } catch (error) {
      setMe(null);
      setProblem(problemOf(error));
    }
  };
  useEffect(() => void look(), []);
  useEffect(() => {
    if (me !== null) return onRefusedKey(() => void look());
    return undefined;
  }, [me]);
  const leave = (): void => {
    keepKey(null);
    location.reload();
  };
  if (me === null && problem === null) return <Loading />;
  if (me === null) return <KeyView problem={problem} hasKey={keyOf() !== null} onKey={look} />;
  return (
    <MeContext.Provider value={me}>
      <Shell me={me} onLeave={leave} />
    </MeContext.Provider>
  );
}

function Shell({ me, onLeave }: { readonly me: Me; readonly onLeave: () => void }): JSX.Element {
  const { path } = useRoute();
  const mayLook = may(me, "look");
  const nav = useRef<HTMLElement>(null);
  const view = path[0] ?? "";
  // On a small screen the views are a row that scrolls.
  useEffect(() => {
    const current = nav.current?.querySelector<HTMLElement>("[aria-current]");
    if (nav.current && current)
      nav.current.scrollLeft = current.offsetLeft - nav.current.clientWidth / 2 + current.clientWidth / 2;
  }, [view]);
  return (
    <>
      <button type="button" class="skip" onClick={() => document.querySelector<HTMLElement>("main h1")?.focus()}>
        Skip to the content
      </button>
      <header class="top">
        <a class="brand" href="#/">
          Onceguard
        </a>
        <div class="top-aside">
          {mayLook && <ConnectionMark />}
          <span class="who" title={`Tenant ${me.tenant}. Roles: ${me.roles.join(", ")}.`}>
            {me.tenant} <span class="dim">as</span> {me.name}
            <span class="who-role">{me.open ? "no keys" : me.roles.join(", ")}</span>
          </span>
          <ThemeButton />
          {!me.open && (
            <button type="button" class="small" onClick={onLeave}>
              Sign out
            </button>
          )}
        </div>
      </header>
      <div class="frame">
        <nav ref={nav} class="side" aria-label="Views">
          <ul>
            {VIEWS.map(([name, title]) => (
              <li key={name}>
                <a href={link([name].filter(Boolean))} aria-current={view === name ? "page" : undefined}>
                  {title}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        {mayLook ? <View path={path} /> : <NothingToSee me={me} />}
      </div>
    </>
  );
}

function View({ path }: { readonly path: readonly string[] }): JSX.Element {
  const [view = "", id] = path;
  switch (view) {
    case "":
      return <OverviewView />;
    case "reviews":
      return <ReviewsView />;
    case "receipts":
      return id === undefined ? <ReceiptsView /> : <ReceiptView key={id} id={id} />;
    case "live":
      return <LiveView />;
    case "runs":
      return id === undefined ? <RunsView /> : <RunView key={id} id={id} />;
    case "cases":
      return id === undefined ? <CasesView /> : <CaseView key={id} id={id} />;
    case "correction":
      return <CorrectionView />;
    case "policies":
      return <PoliciesView />;
    case "providers":
      return <ProvidersView />;
    case "checklist":
      return <ChecklistView />;
    default:
      return (
        <Page title="Nothing here" ready>
          <Empty title="There is no such view.">The list of views is beside or above this text.</Empty>
        </Page>
      );
  }
}

/** A caller's key acts, and must not look into payloads nor settle its own doubts. */
function NothingToSee({ me }: { readonly me: Me }): JSX.Element {
  return (
    <Page title="This key may not look" ready>
      <Empty title={`The key "${me.name}" has the role ${me.roles.join(", ")}.`}>
        A caller's key executes, and reads the receipts of its own requests through the API. To look here, sign in with
        a key of role reviewer, operator or auditor: onceguard keys add --name ann --role reviewer
      </Empty>
    </Page>
  );
}
