import type { JsonSchema } from "./json-schema.ts";
import type { AnyOperation } from "./operation.ts";
import { OPERATIONS } from "./operations/index.ts";
import { DOCUMENTS, ref, TEXT } from "./schemas.ts";

type Json = Record<string, unknown>;

/** OpenAPI 3.1 of what is served, made of the very values that check requests. */
export function openApi(version: string, basePath: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of OPERATIONS) {
    paths[operation.path] = { ...paths[operation.path], [operation.method.toLowerCase()]: described(operation) };
  }
  for (const [path, summary] of [
    ["/healthz", "This process runs."],
    ["/readyz", "This process takes work, and its store answers. 503 otherwise."],
  ] as const) {
    paths[path] = {
      get: {
        operationId: path.slice(1),
        tags: ["Process"],
        summary,
        security: [],
        responses: { 200: { description: "Yes." }, 503: { description: "No." } },
      },
    };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Onceguard",
      version,
      description: "The execution guard for AI agents: agents retry, side effects must not.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: basePath === "" ? "/" : basePath }],
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: {
        key: {
          type: "http",
          scheme: "bearer",
          description: "A key of `onceguard keys add`; it carries tenant and role.",
        },
      },
      schemas: DOCUMENTS,
    },
  };
}

function described(operation: AnyOperation): Json {
  const { name, tag, summary, description, roles, body, query = {}, headers = {}, answers, path } = operation;
  const parameters = [
    ...(path.includes("{id}") ? [{ name: "id", in: "path", required: true, schema: { type: "string" } }] : []),
    ...Object.entries(query).map(([one, schema]) => parameter(one, "query", schema)),
    ...Object.entries(headers).map(([one, schema]) => parameter(one, "header", schema)),
  ];
  return {
    operationId: name,
    tags: [tag],
    summary,
    description: [description, `Roles: ${roles.join(", ")}.`].filter(Boolean).join("\n\n"),
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true, content: { "application/json": { schema: body } } } }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, schema]) => [status, answer(schema, operation)])),
      default: {
        description: "A problem (RFC 9457). From an outcome, `code` is its status: 403, 409, 410, 422, 423 or 503.",
        content: { "application/problem+json": { schema: ref("Problem") } },
      },
    },
  };
}

function answer(schema: JsonSchema, { path, alsoAsText }: AnyOperation): Json {
  const type = path === "/metrics" ? "text/plain" : path === "/v1/events" ? "text/event-stream" : "application/json";
  return {
    description: "As its `status` says.",
    content: { [type]: { schema }, ...(alsoAsText && { "text/plain": { schema: TEXT } }) },
  };
}

function parameter(name: string, place: "query" | "header", schema: JsonSchema): Json {
  return { name, in: place, required: false, schema };
}
