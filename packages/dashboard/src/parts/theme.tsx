import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

const NAME = "onceguard.theme";
const THEMES = ["auto", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

function kept(): Theme {
  const found = THEMES.find((theme) => theme === localStorage.getItem(NAME));
  return found ?? "auto";
}

/** As the system has it, until somebody says otherwise. */
export function ThemeButton(): JSX.Element {
  const [theme, setTheme] = useState(kept);
  useEffect(() => {
    document.documentElement.dataset.theme = theme;
    localStorage.setItem(NAME, theme);
  }, [theme]);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] as Theme;
  return (
    <button
      type="button"
      class="small"
      aria-label={`Colours: ${theme}. Change to ${next}`}
      onClick={() => setTheme(next)}
    >
      <span aria-hidden="true">◐ {theme}</span>
    </button>
  );
}
