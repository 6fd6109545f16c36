// The long form of tests/fuzz.test.ts: 200,000 wrong frames and messages, or FUZZ_FRAMES, from FUZZ_SEED on. Right ones
// between them do not count, nor what was never written because the connection was gone.
import { spawnSync } from "node:child_process";

const env = { FUZZ_FRAMES: "200000", ...process.env };
process.exit(spawnSync("vitest", ["run", "tests/fuzz.test.ts"], { env, stdio: "inherit" }).status ?? 1);
