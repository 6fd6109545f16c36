// The long form of tests/fuzz.test.ts: 250,000 frames and messages, or FUZZ_FRAMES, from FUZZ_SEED on.
import { spawnSync } from "node:child_process";

const env = { FUZZ_FRAMES: "250000", ...process.env };
process.exit(spawnSync("vitest", ["run", "tests/fuzz.test.ts"], { env, stdio: "inherit" }).status ?? 1);
