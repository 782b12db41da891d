/** A write over HTTP. What is not 2xx is thrown, with its `status`: that is how the guard tells a refusal from a doubt. */
export async function post<Answer>(
  url: string,
  body: unknown,
  options: { readonly headers?: Record<string, string>; readonly signal?: AbortSignal } = {},
): Promise<Answer> {
  const headers = { "Content-Type": "application/json", ...options.headers };
  const response = await fetch(url, { ...options, method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) throw Object.assign(new Error(`HTTP ${response.status}`), { status: response.status });
  return (await response.json()) as Answer;
}

/** A lookup: all entries of a book with these fields. */
export async function find<Entry>(url: string, where: Readonly<Record<string, string>> = {}): Promise<Entry[]> {
  const response = await fetch(`${url}?${new URLSearchParams(where)}`);
  if (!response.ok) throw Object.assign(new Error(`HTTP ${response.status}`), { status: response.status });
  return (await response.json()) as Entry[];
}
