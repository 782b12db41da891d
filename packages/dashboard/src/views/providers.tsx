import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { get } from "../api/client.ts";
import type { Provider } from "../api/types.ts";
import { useLoaded } from "../hooks/use-loaded.ts";
import { useRoute } from "../hooks/use-route.ts";
import { Empty, Facts, Loading, Page, ProblemNote } from "../parts/basics.tsx";
import { count, words } from "../parts/words.ts";

export function ProvidersView(): JSX.Element {
  const { query } = useRoute();
  const [text, setText] = useState(query.get("q") ?? "");
  const { value, problem, ready, reload } = useLoaded(
    (signal) => get<{ providers: readonly Provider[] }>("/v1/providers", {}, signal),
    "providers",
  );
  const asked = text.trim().toLowerCase();
  const shown = (value?.providers ?? [])
    .filter(({ name, title, kind }) => [name, title, kind].some((one) => one.toLowerCase().includes(asked)))
    .sort((a, b) => b.used_by.length - a.used_by.length);
  return (
    <Page
      title="Providers"
      ready={ready}
      lead="What providers promise about repeated calls, each with its source. Where a source says nothing, it is unknown, and nothing is sent again on it."
    >
      <ProblemNote problem={problem} retry={reload} />
      <div class="filters">
        <label>
          Provider
          <input value={text} autoComplete="off" onInput={(event) => setText(event.currentTarget.value)} />
        </label>
        <span class="dim" role="status">
          {value && count(shown.length, "provider")}
        </span>
      </div>
      {!ready && <Loading />}
      {value && shown.length === 0 && (
        <Empty title="Not in the catalogue.">
          A key of another provider is declared by hand: downstreamKey with its lifetime.
        </Empty>
      )}
      <div class="providers">
        {shown.map((provider) => (
          <Contract key={provider.name} of={provider} />
        ))}
      </div>
    </Page>
  );
}

function Contract({ of }: { readonly of: Provider }): JSX.Element {
  const { key, lookup } = of;
  return (
    <article class="card">
      <div class="card-head">
        <h2>{of.title}</h2>
        <span class="dim">{of.used_by.length > 0 ? `used by ${of.used_by.join(", ")}` : of.kind}</span>
      </div>
      <Facts
        of={[
          ["Key", key ? key.where : "none: no call takes one"],
          ["On", key?.covers],
          ["Honoured for", key && (key.lifetime ?? "unknown")],
          ["Longest key", key?.max_length && `${key.max_length} characters`],
          ["Repeated", words(of.on_repeat)],
          ["Other payload", words(of.on_mismatch)],
          ["Keeps errors", words(of.caches_errors)],
          ["At the same time", words(of.concurrent)],
          ["Look-up", lookup && `${lookup.how} (behind by ${lookup.lag})`],
          ["Instead", of.instead],
        ]}
      />
      {of.notes && <p class="dim">{of.notes}</p>}
      <p class="dim">
        {/^https:/.test(of.source) ? (
          <a href={of.source} rel="noreferrer noopener" target="_blank" aria-label={`Source of ${of.title}`}>
            Source
          </a>
        ) : (
          of.source
        )}
        , read on {of.checked}
      </p>
    </article>
  );
}
