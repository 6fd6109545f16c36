import { expiries } from "@codemode/proto/certificates";
import { asTable } from "@codemode/proto/settings";
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { promisify, styleText } from "node:util";
import { Codemode } from "../codemode.ts";
import { certificateFiles, type ClientConfig, loadClientConfig } from "../config/index.ts";
import { ComponentRegistry } from "../registry/index.ts";
import { explain } from "./config.ts";
import { executorEntry } from "./executor.ts";
import { ExitCode, exitCodeOfError } from "./exit-codes.ts";
import { print } from "./print.ts";
import { messageOf } from "../thrown.ts";

const MS_PER_DAY = 86_400_000;
const WARN_BELOW_DAYS = 14;
const PROBE_TIMEOUT_MS = 20_000; // loading takes a tenth of a second where it works

/** `codemode doctor`: looks at everything that a run needs, in the order in which it is needed. */
export async function doctor(options: { readonly config?: string }): Promise<number> {
  await ok("Node", `${process.version} at ${process.execPath}`); // an older one did not come this far
  let config: ClientConfig;
  try {
    const { keys, warnings } = explain(options.config);
    ({ config } = loadClientConfig({ configPath: options.config }));
    await ok(
      "configuration",
      `\n${asTable(keys)
        .map((line) => `    ${line}`)
        .join("\n")}`,
    );
    for (const warning of warnings) await finding("warning", "yellow", "configuration", warning);
  } catch (error) {
    return failed("configuration", error);
  }
  await checkCertificates(config);
  const isolates = config.executor.mode === "embedded" ? await checkIsolates() : ExitCode.ok;
  const health = await checkHealth(options.config);
  return isolates || health;
}

/** Tells until when this client's own files are of use; that they are today the configuration was checked for. */
async function checkCertificates({ tls }: ClientConfig): Promise<void> {
  for (const { name, at } of expiries(certificateFiles(tls))) {
    const days = Math.floor((at.getTime() - Date.now()) / MS_PER_DAY);
    const told = `expires on ${at.toISOString()}, in ${days} days`;
    await (days < WARN_BELOW_DAYS ? finding("warning", "yellow", name, told) : ok(name, told));
  }
}

/** Loads the native module in a process of its own: one that does not fit this Node may end its process. */
async function checkIsolates(): Promise<number> {
  const entry = executorEntry();
  if (entry === undefined) return failed("isolated-vm", "@codemode/executor is not installed");
  try {
    const path = createRequire(entry).resolve("isolated-vm");
    const probe = `const { Isolate } = require(${JSON.stringify(path)}); new Isolate({ memoryLimit: 8 }).dispose();`;
    await promisify(execFile)(process.execPath, ["-e", probe], { timeout: PROBE_TIMEOUT_MS });
    await ok("isolated-vm", "loads and makes an isolate");
    return ExitCode.ok;
  } catch (error) {
    const { signal, stderr } = error as { signal?: string; stderr?: string };
    const reason = stderr?.split("\n").find((line) => /Error/.test(line)) ?? (error as Error).message.split("\n")[0];
    return failed("isolated-vm", signal ? `its process ended by ${signal}` : reason);
  }
}

async function checkHealth(configPath: string | undefined): Promise<number> {
  try {
    await using codemode = Codemode.fromClientConfig({
      registry: new ComponentRegistry(),
      ...(configPath && { configPath }),
    });
    const health = await codemode.health();
    if (!health.serving) {
      await failed("executor", `${health.address} is shutting down and takes no runs`);
      return ExitCode.unreachable;
    }
    await ok("executor", JSON.stringify(health));
    return ExitCode.ok;
  } catch (error) {
    return failed("executor", error);
  }
}

function ok(subject: string, text: string): Promise<void> {
  return finding("ok", "green", subject, text);
}

async function failed(subject: string, reason: unknown): Promise<number> {
  await finding("FAILED", "red", subject, messageOf(reason));
  return reason instanceof Error ? exitCodeOfError(reason) : ExitCode.programFailed;
}

function finding(verdict: string, colour: "green" | "yellow" | "red", subject: string, text: string): Promise<void> {
  return print(`${styleText(colour, verdict, { stream: process.stdout })} ${subject}: ${text}\n`);
}
