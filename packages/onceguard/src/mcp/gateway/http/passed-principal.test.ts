import { expect, it } from "vitest";
import { passedPrincipal } from "./passed-principal.ts";

const fallback = { tenant: "default", name: "mcp", operator: false };
const jwt = (claims: object, signature = "s") =>
  `Bearer h.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${signature}`;
const ann = { iss: "https://login", sub: "ann" };

it("nobody who brings no credentials is told apart", () => {
  expect(passedPrincipal({ accept: "*/*" }, fallback, {})).toBe(fallback);
});

it.each([
  ["authorization", "Bearer a", "Bearer b"],
  ["authorization", jwt(ann), jwt(ann, "forged")],
  ["x-api-key", "key-one", "key-two"],
  ["cookie", "a=1", "a=2"],
  ["x-who", "ann-smith", "bob-jones"],
])("%s tells callers apart", (name, one, other) => {
  const of = (value: string) => passedPrincipal({ [name]: value }, fallback, { principalHeaders: ["X-Who"] });
  expect(of(one)).toEqual(of(one));
  expect(of(one).tenant).not.toBe(of(other).tenant);
  expect(of(one).tenant).toMatch(/^default\/caller-[0-9a-f]{24}$/);
  expect(JSON.stringify(of(one))).not.toContain(one);
});

it("by its subject only where the operator says so, and where there is one", () => {
  const of = (authorization: string, tokenSubject: boolean) =>
    passedPrincipal({ authorization }, fallback, { tokenSubject }).tenant;
  expect(of(jwt({ ...ann, exp: 1 }), true)).toBe(of(jwt({ ...ann, exp: 2 }), true));
  expect(of(jwt({ ...ann, exp: 1 }), false)).not.toBe(of(jwt({ ...ann, exp: 2 }), false));
  expect(of(jwt({ sub: "ann", exp: 1 }), true)).not.toBe(of(jwt({ sub: "ann", exp: 2 }), true));
  expect(of("Bearer opaque", true)).not.toBe(of("Bearer other", true));
});
