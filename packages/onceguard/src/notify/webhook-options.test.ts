import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { type WebhookNotifierOptions, webhookNotifier } from "./webhook.ts";

const SECRET = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const URL_ = "https://ops.example/hooks";

const base64 = (bytes: number): string => Buffer.alloc(bytes, 0xfb).toString("base64"); // has + and / in it

function refusal(options: Partial<WebhookNotifierOptions>): unknown {
  try {
    return webhookNotifier({ url: URL_, secret: SECRET, ...options });
  } catch (error) {
    return error;
  }
}

describe("the secret", () => {
  it.each([24, 32, 64])("may have %i bytes, with and without its prefix", (bytes) => {
    webhookNotifier({ url: URL_, secret: base64(bytes) });
    webhookNotifier({ url: URL_, secret: [`whsec_${base64(bytes)}`] });
  });

  it.each([
    ["too short", `whsec_${base64(23)}`],
    ["too long", base64(65)],
    ["empty", ""],
    ["only a prefix", "whsec_"],
    ["no base64", `whsec_${"ab!d".repeat(8)}`],
    ["base64 of URLs", base64(32).replaceAll("+", "-").replaceAll("/", "_")],
    ["without padding", base64(32).replace(/=+$/, "")],
    ["read with its line end", `${base64(32)}\n`],
    ["one wrong of two", [SECRET, "whsec_c2hvcnQ="]],
    ["none", []],
    ["missing", undefined as unknown as string],
    ["not text", 7 as unknown as string],
  ])("is refused when %s, and not repeated", (_what, secret) => {
    const error = refusal({ secret });
    expect(error).toMatchObject({ code: "invalid_option", fields: { option: "secret" } });
    for (const one of [secret].flat().filter((one) => typeof one === "string" && one.length > 6)) {
      expect(inspect(error, { depth: 9 })).not.toContain(String(one).slice(6).trim());
    }
  });
});

describe("the URL", () => {
  it.each([
    "http://localhost:8080/",
    "http://127.0.0.1/",
    "http://127.1.2.3/",
    "http://0x7f.1/",
    "http://[::1]/",
    "https://ops.example",
  ])("may be %s", (url) => {
    webhookNotifier({ url, secret: SECRET });
    webhookNotifier({ url: new URL(url), secret: SECRET });
  });

  it.each([
    "http://ops.example/",
    "http://127.evil.example/",
    "http://localhost.evil.example/",
    "http://128.0.0.1/",
    "http://[::2]/",
    "http://10.0.0.1/",
  ])("may be %s only with allowHttp", (url) => {
    expect(refusal({ url })).toMatchObject({ code: "invalid_option", fields: { option: "url" } });
    webhookNotifier({ url, secret: SECRET, allowHttp: true });
  });

  it.each(["", "ops.example/t0ken", "ftp://ops.example/t0ken", "file:///t0ken", "http://a:t0ken%zz@localhost/"])(
    "is refused, and not repeated: %j",
    (url) => {
      const error = refusal({ url, allowHttp: true });
      expect(error).toMatchObject({ code: "invalid_option", fields: { option: "url" } });
      expect(inspect(error, { depth: 9 })).not.toContain("t0ken%");
      expect((error as Error).message).not.toContain("t0ken");
    },
  );
});

it("shows no secrets to whoever prints it", () => {
  const notifier = webhookNotifier({
    url: "https://ann:t0ken@ops.example/hooks?key=t0ken#t0ken",
    secret: SECRET,
    headers: { authorization: "Bearer t0ken" },
  });
  expect(notifier.name).toBe("webhook https://ops.example/hooks");
  expect(inspect(notifier, { depth: 9, showHidden: true })).not.toMatch(/t0ken|BwcH/);
});

it("refuses a header that cannot be sent, without its value", () => {
  const error = refusal({ headers: { authorization: "Bearer t0ken\n", "x-key": "t0ken\nx" } });
  expect(error).toMatchObject({ code: "invalid_option", fields: { option: "headers", header: "x-key" } });
  expect(inspect(error, { depth: 9 })).not.toContain("t0ken");
});

it("refuses a timeout that is none", () => {
  expect(refusal({ timeout: 0 })).toMatchObject({ code: "invalid_option", fields: { option: "timeout" } });
});
