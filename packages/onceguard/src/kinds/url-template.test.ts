import fc from "fast-check";
import { expect, it } from "vitest";
import { checkUrl, urlOf } from "./url-template.ts";

const given = { idempotencyKey: "key-1", requestId: "r1" };

it("percent-encodes what a payload says", () => {
  const url = "https://api.example/orders/{id}?ref={customer.name}&key={idempotencyKey}";
  const payload = { id: "a/b?c#d", customer: { name: "Åse & Söhne=1" } };
  expect(urlOf(url, payload, given)).toBe(
    "https://api.example/orders/a%2Fb%3Fc%23d?ref=%C3%85se%20%26%20S%C3%B6hne%3D1&key=key-1",
  );
});

it("no payload changes the host, the path above, or the names in the query", () => {
  const template = "https://api.example/v1/{a}/items/{b}?ref={a}";
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (a, b) => {
      if (!a.isWellFormed() || !b.isWellFormed()) return;
      let url: URL;
      try {
        url = new URL(urlOf(template, { a, b }, given));
      } catch (error) {
        expect((error as Error).message).toContain("nothing was sent");
        return;
      }
      expect(url.origin).toBe("https://api.example");
      expect(url.pathname.split("/")).toHaveLength(5);
      expect(url.pathname).toMatch(/^\/v1\/[^/]+\/items\/[^/]+$/);
      expect([...url.searchParams]).toEqual([["ref", a]]);
    }),
    { numRuns: 500 },
  );
});

it.each([".", "..", "%2e%2e"])("the segment %s does not move the path", (a) => {
  const made = (): string => urlOf("https://api.example/v1/{a}/x", { a }, given);
  if (a.startsWith("%")) expect(made()).toBe("https://api.example/v1/%252e%252e/x");
  else expect(made).toThrow(/nothing was sent/);
});

it.each([
  "https://{host}/x",
  "https://api.example{path}",
  "{url}",
  "ftp://api.example/x",
  "https://user:secret@api.example/x",
  "https://api.example/x#{id}",
  7,
])("%s is refused where it is defined", (url) => {
  expect(() => checkUrl("order", url)).toThrow(/Action "order"/);
});
