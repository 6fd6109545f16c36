// Fails when proto/src/gen is not what the .proto files generate today.
import { execFileSync } from "node:child_process";
import { mkdtempDisposableSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const committed = "proto/src/gen";
using fresh = mkdtempDisposableSync(join(tmpdir(), "codemode-gen-"));

execFileSync("buf", ["generate", "--output", fresh.path], { stdio: "inherit" });
try {
  execFileSync("diff", ["--recursive", "--brief", committed, join(fresh.path, committed)], { stdio: "inherit" });
} catch {
  console.error(`${committed} is stale. Run \`npm run generate\` and commit the result.`);
  process.exitCode = 1;
}
