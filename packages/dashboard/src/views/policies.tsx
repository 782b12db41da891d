import type { JSX } from "preact";
import { get, part } from "../api/client.ts";
import type { ActionPolicy, Halt, Policies } from "../api/types.ts";
import { useLoaded } from "../hooks/use-loaded.ts";
import { may, useMe } from "../hooks/use-me.ts";
import { link } from "../hooks/use-route.ts";
import { Empty, Facts, Loading, Page, ProblemNote, Scroll, Section } from "../parts/basics.tsx";
import { Halting } from "../parts/halting.tsx";
import { number, span, words } from "../parts/words.ts";

export function PoliciesView(): JSX.Element {
  const me = useMe();
  const { value, problem, ready, reload } = useLoaded(async (signal) => {
    const [policies, { halts }] = await Promise.all([
      get<Policies>("/v1/policies", {}, signal),
      get<{ halts: readonly Halt[] }>("/v1/halts", {}, signal),
    ]);
    return { policies, halts };
  }, "policies");
  const policies = value?.policies;
  const haltOf = (name: string): Halt | null =>
    value?.halts.find(({ scope, id }) => scope === "action" && id === name) ?? null;
  return (
    <Page
      title="Policies"
      ready={ready}
      lead="The deterministic code and rules around the model. They are changed in the configuration, not here."
    >
      <ProblemNote problem={problem} retry={reload} />
      {!ready && <Loading />}
      {policies && (
        <>
          <Section title="Rules">
            <Rules of={policies} />
          </Section>
          <Section title="Budgets">
            <Budgets of={policies} />
          </Section>
          <Section title="Actions">
            {policies.actions.length === 0 ? (
              <Empty title="No action is registered here." />
            ) : (
              <Scroll label="Actions">
                <table class="rows">
                  <thead>
                    <tr>
                      <th scope="col">action</th>
                      <th scope="col">tier</th>
                      <th scope="col">settled by</th>
                      <th scope="col">downstream key</th>
                      <th scope="col">retries</th>
                      <th scope="col">window</th>
                      <th scope="col">undo</th>
                    </tr>
                  </thead>
                  <tbody>
                    {policies.actions.map((action) => (
                      <ActionRow key={action.name} of={action} />
                    ))}
                  </tbody>
                </table>
              </Scroll>
            )}
          </Section>
          {policies.actions.length > 0 && (
            <Section title="Stop one action">
              <ul class="halts">
                {policies.actions.map(({ name }) => (
                  <li key={name}>
                    <span class="mono">{name}</span>
                    <Halting
                      scope="action"
                      id={name}
                      path={`/v1/actions/${part(name)}`}
                      halt={haltOf(name)}
                      mayStop={may(me, "stop")}
                      onDone={reload}
                    />
                  </li>
                ))}
              </ul>
            </Section>
          )}
        </>
      )}
    </Page>
  );
}

function ActionRow({ of }: { readonly of: ActionPolicy }): JSX.Element {
  const { name, risk_tier, capability, downstream_key, retry, dedup, undo } = of;
  const provider = downstream_key?.provider;
  return (
    <tr>
      <td class="mono">{name}</td>
      <td>{words(risk_tier)}</td>
      <td>{capability === "none" ? "a person" : words(capability)}</td>
      <td>
        {downstream_key === null ? (
          <span class="dim">none</span>
        ) : (
          <>
            {provider ? <a href={link(["providers"], { q: provider })}>{provider}</a> : "declared"},{" "}
            {span(downstream_key.lifetime_ms)}
          </>
        )}
      </td>
      <td>
        {retry.max_attempts} in {span(retry.max_elapsed_ms)}
      </td>
      <td>
        {dedup === null
          ? "not said"
          : dedup === "none"
            ? "none"
            : `${span(dedup.window_ms)}, ${dedup.limit}, then ${dedup.behaviour}`}
      </td>
      <td>{undo ? "yes" : "no"}</td>
    </tr>
  );
}

function Rules({ of: { rules, has_policy, policy_version } }: { readonly of: Policies }): JSX.Element {
  if (rules === null) return <Unknown />;
  return (
    <>
      {rules.length === 0 ? (
        <Empty title="No rules.">Every request that fits its action is allowed.</Empty>
      ) : (
        <Scroll label="Rules">
          <table>
            <thead>
              <tr>
                <th scope="col">when</th>
                <th scope="col">then</th>
                <th scope="col">because</th>
              </tr>
            </thead>
            <tbody>
              {rules.map((rule, n) => (
                <tr key={String(n)}>
                  <td>{conditions(rule)}</td>
                  <td>
                    <span class={`verdict verdict-${rule.verdict}`}>
                      {rule.verdict === "deny" ? "deny" : "ask a person"}
                    </span>
                  </td>
                  <td>{rule.reason}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      <p class="dim">
        {has_policy ? "Code is asked as well, and the strictest answer counts. " : ""}Version {policy_version}: an
        approval counts for this version only.
      </p>
    </>
  );
}

function conditions({ action, risk_tier, amount_over, tenant }: NonNullable<Policies["rules"]>[number]): string {
  const said = [
    action && `action is ${action}`,
    risk_tier && `tier is ${words(risk_tier)}`,
    amount_over !== undefined && `amount is over ${number(amount_over)}`,
    tenant && `tenant is ${tenant}`,
  ].filter(Boolean);
  return said.length === 0 ? "always" : said.join(" and ");
}

function Budgets({ of: { budgets } }: { readonly of: Policies }): JSX.Element {
  if (budgets === null) return <Unknown />;
  const { max_actions_per_run: most, max_repeats_per_record: repeats, amounts } = budgets;
  if (most === null && repeats === null && amounts.length === 0) {
    return <Empty title="No budgets.">A run may do as much as it likes: a budget halts one that runs wild.</Empty>;
  }
  return (
    <Facts
      of={[
        ["Per run", most === null ? null : `${number(most)} requests, then it is halted`],
        ["Per run and record", repeats === null ? null : `${number(repeats)} of one action, then it is halted`],
        ...amounts.map(
          ({ limit, window_ms, per, action }) =>
            [
              `Amount per ${per}${action ? ` (${action})` : ""}`,
              `${number(limit)} in ${span(window_ms)}, then it is halted`,
            ] as const,
        ),
      ]}
    />
  );
}

function Unknown(): JSX.Element {
  return (
    <Empty title="Not known here.">
      Whoever mounted this API has not said how its guard is configured; onceguard serve says it.
    </Empty>
  );
}
