// The long form of tests/chaos.test.ts: 2,000 programs, or CHAOS_PROGRAMS, from CHAOS_SEED on.
import { spawnSync } from "node:child_process";

const env = { CHAOS_PROGRAMS: "2000", ...process.env };
const args = ["run", "tests/chaos.test.ts", "tests/crowds.test.ts"];
process.exit(spawnSync("vitest", args, { env, stdio: "inherit" }).status ?? 1);
