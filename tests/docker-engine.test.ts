import { expect, test, vi } from "vitest";
import { Codemode } from "@codemode/client";

test.each([
  [
    "nobody listens",
    "unix:///nonexistent/docker.sock",
    /no Docker engine answers at \/nonexistent\/docker\.sock; start Docker/,
  ],
  ["nobody listens on the port", "tcp://127.0.0.1:1", /no Docker engine answers/],
])("docker mode without an engine says so: %s", async (_name, host, message) => {
  vi.stubEnv("DOCKER_HOST", host);
  try {
    await using client = Codemode.fromClientConfig({
      config: { executor: { mode: "docker" }, retry: { enabled: false } },
    });
    await expect(client.execute("return 1")).rejects.toThrow(message);
  } finally {
    vi.unstubAllEnvs();
  }
});
