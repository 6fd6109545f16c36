// An MCP server whose tools do what a test of those who call it needs.
import { fromJsonSchema, McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";

console.error("the secret is", process.env.SECRET);
serveStdio(() => {
  const server = new McpServer({ name: "upstream", version: "1.0.0" });
  const inputSchema = fromJsonSchema({ type: "object" });
  const text = (value) => ({ content: [{ type: "text", text: value }] });
  server.registerTool("die", { description: "Ends the server", inputSchema }, () => process.exit(1));
  server.registerTool("grow", { description: "Makes a tool", inputSchema }, () => {
    server.registerTool("grown", { description: "A tool that came late", inputSchema }, () => text("late"));
    return text("done");
  });
  server.registerTool("hang", { description: "Never answers", inputSchema }, (_input, { mcpReq: { signal } }) => {
    console.error("hanging");
    return new Promise((resolve) => {
      signal.addEventListener("abort", () => {
        console.error("let go");
        resolve(text("no"));
      });
    });
  });
  server.registerTool("secret", { description: "Has it", inputSchema }, () => text(process.env.SECRET ?? "none"));
  return server;
});
