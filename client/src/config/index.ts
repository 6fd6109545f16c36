export { addressesIn, parseAddress, type Target } from "./address.ts";
export { type ExplainedKey, explainClientConfig, loadClientConfig, type LoadOptions } from "./load.ts";
export { type McpServerEntry, type McpTransport, readMcpServers } from "./mcp-servers.ts";
export { keys } from "./schema.ts";
export { parseDuration } from "@codemode/proto/settings";
export type { ClientConfig, ClientConfigInput } from "./schema.ts";
export { certificateFiles } from "./tls.ts";
