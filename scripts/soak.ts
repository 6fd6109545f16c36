// Thirty minutes of mixed load with crashes on one executor, or as many as the argument or SOAK_MINUTES says, and a
// report: docs/soak-report.md, or SOAK_REPORT. Exit code 1 when a run ended wrong or something has grown.
import { writeFileSync } from "node:fs";
import { toMarkdown } from "../tests/soak/report.ts";
import { type Sample, soak } from "../tests/soak/soak.ts";

const minutes = Number(process.argv[2] ?? process.env["SOAK_MINUTES"] ?? 30);
const seed = Number(process.env["SOAK_SEED"] ?? 1);
const file = process.env["SOAK_REPORT"] ?? "docs/soak-report.md";
if (!(minutes > 0)) throw new RangeError("How many minutes? A number above 0 is needed");

const show = ({ minute, ...sample }: Sample) =>
  process.stdout.write(`${minute.toFixed(1)} min ${JSON.stringify(sample)}\n`);
const report = await soak(minutes, seed, show);
writeFileSync(file, toMarkdown(report));
process.stdout.write(`${report.failures.join("\n") || "Nothing has grown"}: ${file}\n`);
process.exitCode = report.failures.length === 0 ? 0 : 1;
