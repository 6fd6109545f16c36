import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    globalSetup: ["tests/setup/bundle.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    projects: [
      { extends: true, test: { name: "fast", include: ["tests/**/*.test.ts"], exclude: ["tests/docker.test.ts"] } },
      // Builds an image first: minutes, and a Docker engine is needed.
      {
        extends: true,
        test: { name: "docker", include: ["tests/docker.test.ts"], testTimeout: 300_000, hookTimeout: 600_000 },
      },
    ],
  },
});
