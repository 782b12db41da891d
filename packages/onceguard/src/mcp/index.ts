export type { GatewayConfig, ToolRule, ToolRules } from "../kinds/gateway-entries.ts";
export { type McpServerFactory, mcpServer } from "./server/create-server.ts";
export { type IssuerOptions, issuerTokens } from "./server/http/issuer-tokens.ts";
export { type HttpOptions, type HttpServing, serveOverHttp } from "./server/http/serve.ts";
export { staticTokens, type TokenEntry, type TokenReader } from "./server/http/static-tokens.ts";
export type { McpServerOptions } from "./server/options.ts";
export type { Principal } from "./server/principal.ts";
export { type StdioServing, serveOverStdio } from "./server/stdio/serve.ts";
