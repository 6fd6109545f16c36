import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

const docker = ["tests/docker{,-mode,-end-to-end,-many}.test.ts"];
/** Random values, programs, frames and deaths by the thousand, and every example: for `npm test` and CI, not for the gate. */
const deep = [
  "tests/{values,replay}-{properties,hostile}.test.ts",
  "tests/{*chaos,examples,fuzz,survey,vanished,replay-cost,flood,hostile-{code,edge}}.test.ts",
];

export default defineConfig({
  test: {
    globalSetup: ["tests/setup/bundle.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    maxWorkers: Math.max(2, availableParallelism()), // tests wait for other processes most of the time
    projects: [
      { extends: true, test: { name: "fast", include: ["tests/**/*.test.ts"], exclude: [...docker, ...deep] } },
      { extends: true, test: { name: "deep", include: deep, testTimeout: 120_000 } },
      // Builds an image first: minutes, and a Docker engine is needed.
      {
        extends: true,
        test: {
          name: "docker",
          include: docker,
          globalSetup: ["tests/setup/image.ts"],
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
