import { arch, cpus, platform, totalmem } from "node:os";
import { MAX_GROWTH, MAX_GROWTH_LOADED_MIB, type Report, type Sample } from "./soak.ts";

/** The report as Markdown. */
export function toMarkdown({ seed, minutes, before, during, after, tally, failures }: Report): string {
  const machine = `${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, ${platform()} ${arch()}`;
  const runs = Object.entries(tally).toSorted(([, a], [, b]) => b - a);
  return `# Soak report

\`SOAK_MINUTES=${minutes} SOAK_SEED=${seed} npm run soak\`, ${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${machine}.

${failures.length === 0 ? "Every run ended as it must, and nothing has grown." : failures.map((failure) => `- ${failure}`).join("\n")}

One executor process with two workers, eight runs at a time. Workers are killed, programs wreck them, clients vanish and
send nonsense meanwhile.

Growth is, from rest before the load to rest after it, more than ${MAX_GROWTH.residentMib} MiB of the edge, whose garbage is collected first,
${MAX_GROWTH.appHeapMib} MiB of the app's heap, ${MAX_GROWTH.descriptors} descriptors, ${MAX_GROWTH.threads} threads or ${MAX_GROWTH.appHandles} handles of the app, or another number of workers. Under load
it is more than ${MAX_GROWTH_LOADED_MIB} MiB of the edge, from the second quarter to the last.

| minute | runs | edge, MiB | descriptors | threads | workers | app's heap, MiB | app's handles |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${[row("at rest", before), ...during.map((sample) => row(sample.minute.toFixed(1), sample)), row("at rest", after)].join("\n")}

| what | times |
| --- | ---: |
${runs.map(([what, times]) => `| ${what} | ${times} |`).join("\n")}
`;
}

function row(when: string, sample: Sample): string {
  const { runs, residentMib, descriptors, threads, workers, appHeapMib, appHandles } = sample;
  return `| ${[when, runs, residentMib, descriptors, threads, workers, appHeapMib, appHandles].join(" | ")} |`;
}
