import type { JSX } from "preact";
import { useState } from "preact/hooks";
import type { Problem } from "../api/client.ts";
import { keepKey } from "../api/session.ts";
import { ThemeButton } from "../parts/theme.tsx";

/** Where a key is needed. It stays in this tab's session storage, and goes to the API in a header. */
export function KeyView(props: {
  readonly problem: Problem | null;
  readonly hasKey: boolean;
  readonly onKey: () => Promise<void>;
}): JSX.Element {
  const [key, setKey] = useState("");
  const { problem, hasKey } = props;
  const needsKey = problem?.status === 401;
  return (
    <main id="main" class="door" data-ready="true">
      <h1>Onceguard</h1>
      {needsKey ? (
        <>
          <p class="lead">What did the agents really do? To look, and to decide, you need a key.</p>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              keepKey(key.trim() || null);
              void props.onKey();
            }}
          >
            <label>
              Key
              <input
                type="password"
                name="key"
                value={key}
                autoComplete="off"
                spellcheck={false}
                onInput={(event) => setKey(event.currentTarget.value)}
              />
            </label>
            <p class="complaint" role="alert">
              {hasKey ? "This key is not good here: it is wrong, has expired, or was taken back." : ""}
            </p>
            <div class="buttons">
              <button type="submit" class="primary">
                Sign in
              </button>
              <ThemeButton />
            </div>
          </form>
          <p class="dim">
            It is kept in this tab until you close it, and sent to this server only. A new one:{" "}
            <code>onceguard keys add --name ann --role reviewer</code>
          </p>
        </>
      ) : (
        <>
          <p class="note note-bad" role="alert">
            <strong>{problem?.name}.</strong> {problem?.message}
          </p>
          <button type="button" class="primary" onClick={() => void props.onKey()}>
            Try again
          </button>
        </>
      )}
    </main>
  );
}
