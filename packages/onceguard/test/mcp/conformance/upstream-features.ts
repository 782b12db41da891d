import {
  type CallToolResult,
  inputRequired,
  inputResponse,
  ProtocolError,
  ProtocolErrorCode,
  Server,
} from "@modelcontextprotocol/server";

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const SILENCE = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";
const image = { type: "image" as const, data: PIXEL, mimeType: "image/png" };
const words = (text: string) => ({ type: "text" as const, text });
const embedded = (uri: string) => ({
  type: "resource" as const,
  resource: { uri, mimeType: "text/plain", text: "This is an embedded resource content." },
});

const RESULTS: Readonly<Record<string, CallToolResult>> = {
  test_simple_text: { content: [words("This is a simple text response for testing.")] },
  test_image_content: { content: [image] },
  test_audio_content: { content: [{ type: "audio", data: SILENCE, mimeType: "audio/wav" }] },
  test_embedded_resource: { content: [embedded("test://embedded-resource")] },
  test_multiple_content_types: { content: [words("Several kinds:"), image, embedded("test://mixed-content-resource")] },
  test_error_handling: { content: [words("This tool intentionally returns an error for testing")], isError: true },
};
const NO_ARGUMENTS = { type: "object" as const, properties: {} };
const HEADERED = { type: "object" as const, properties: { region: { type: "string", "x-mcp-header": "Region" } } };
const ASKING = "test_input_required_result_elicitation";
const RESOURCES = [
  { uri: "test://static-text", name: "text", mimeType: "text/plain" },
  { uri: "test://static-binary", name: "binary", mimeType: "image/png" },
];
const ARGUMENTS = ["arg1", "arg2"].map((name) => ({ name, description: name, required: true }));
const PROMPTS = [
  { name: "test_simple_prompt", description: "Simple" },
  { name: "test_prompt_with_arguments", description: "With arguments", arguments: ARGUMENTS },
  { name: "test_prompt_with_image", description: "With an image" },
];

/** Its tools have no effects to count: what is looked at is how their calls and answers come through. */
export function upstream(): Server {
  const server = new Server(
    { name: "conformance-upstream", version: "1" },
    { capabilities: { tools: {}, resources: {}, prompts: {}, completions: {} } },
  );
  server.setRequestHandler("tools/list", () => ({
    tools: [
      ...[...Object.keys(RESULTS), "test_tool_with_progress", ASKING].map((name) => ({
        name,
        description: name,
        inputSchema: NO_ARGUMENTS,
      })),
      { name: "test_x_mcp_header", description: "Mirrored in a header", inputSchema: HEADERED },
    ],
  }));
  server.setRequestHandler("tools/call", async ({ params }, context) => {
    const result = RESULTS[params.name];
    if (result !== undefined) return result;
    if (params.name === "test_x_mcp_header") return { content: [words(`region=${params.arguments?.region}`)] };
    if (params.name === ASKING) {
      const answer = inputResponse(context.mcpReq.inputResponses, "user_name");
      if (answer.kind === "elicit") return { content: [words(`Hello, ${answer.content?.name}!`)] };
      const requestedSchema = {
        type: "object" as const,
        properties: { name: { type: "string" as const } },
        required: ["name"],
      };
      const user_name = inputRequired.elicit({ message: "What is your name?", requestedSchema });
      return inputRequired({ inputRequests: { user_name } });
    }
    if (params.name !== "test_tool_with_progress") {
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `No tool ${params.name}`);
    }
    const progressToken = params._meta?.progressToken;
    for (const progress of progressToken === undefined ? [] : [0, 50, 100]) {
      await context.mcpReq.notify({
        method: "notifications/progress",
        params: { progressToken: progressToken as string, progress, total: 100 },
      });
    }
    return { content: [words("done")] };
  });
  server.setRequestHandler("resources/list", () => ({ resources: RESOURCES }));
  server.setRequestHandler("resources/templates/list", () => ({
    resourceTemplates: [{ uriTemplate: "test://template/{id}/data", name: "template", mimeType: "application/json" }],
  }));
  server.setRequestHandler("resources/read", ({ params: { uri } }) => {
    const id = /^test:\/\/template\/(\w+)\/data$/.exec(uri)?.[1];
    if (id !== undefined) return { contents: [{ uri, mimeType: "application/json", text: JSON.stringify({ id }) }] };
    if (uri === "test://static-binary") return { contents: [{ uri, mimeType: "image/png", blob: PIXEL }] };
    if (uri === "test://static-text") return { contents: [{ uri, mimeType: "text/plain", text: "Static text." }] };
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, `No resource ${uri}`, { uri });
  });
  server.setRequestHandler("prompts/list", () => ({ prompts: PROMPTS }));
  server.setRequestHandler("prompts/get", ({ params: { name, arguments: given } }) => {
    const content = name === "test_prompt_with_image" ? image : words(`A prompt: ${given?.arg1}, ${given?.arg2}`);
    return { messages: [{ role: "user" as const, content }] };
  });
  server.setRequestHandler("completion/complete", () => ({ completion: { values: [], total: 0, hasMore: false } }));
  return server;
}
