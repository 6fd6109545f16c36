import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { CodemodeError } from "@codemode/proto";
import { parseDuration } from "../config/index.ts";
import { ExitCode, exitCodeOfError, UsageError } from "./exit-codes.ts";
import { note, notesWritten, printable } from "./print.ts";
import type { DockerOptions } from "./docker.ts";
import type { ExecutorOptions } from "./executor.ts";
import type { RunOptions } from "./run.ts";
import type { TlsOptions } from "./tls.ts";
import { messageOf } from "../thrown.ts";

const EXIT_CODES =
  "\nExit codes: 0 ok, 1 the program failed, 2 usage, 69 executor unreachable, 78 configuration, 124 timed out, 130 interrupted";

/** The `codemode` command. Resolves with its exit code once everything is written. */
export async function main(args: readonly string[]): Promise<number> {
  process.stdout.on("error", () => {}); // the reader has gone (`| head`); print() goes on all the same
  process.stderr.on("error", () => {});
  const code = await perform(args);
  await notesWritten();
  return code;
}

async function perform(args: readonly string[]): Promise<number> {
  let exitCode: number = ExitCode.ok;
  try {
    await command((code) => (exitCode = code)).parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
    note(asNote(error));
    return exitCodeOfError(error);
  }
}

/** Each command loads its own code, so that `--help` and `config` do not wait for gRPC. */
function command(finish: (exitCode: number) => void): Command {
  const program = new Command("codemode")
    .description("Runs the code that a model writes in a sandbox, with your functions as tools.")
    .version(version())
    .exitOverride()
    .showSuggestionAfterError();

  program
    .command("run")
    .description("run one program; its result goes to stdout, everything else to stderr")
    .argument("[file]", "JavaScript or TypeScript; - reads stdin")
    .option("--tools <module>", "file or package whose default export is a ComponentRegistry or an object of tools")
    .option("--context <key=value...>", "variables of the runtime context")
    .option("--timeout <duration>", "wall time of the run, as 500ms, 5s or 2m", duration)
    .option("--json", "print the whole outcome as one JSON document")
    .option("--journal <file>", "write what the run did to a file, for codemode replay")
    .option("--config <path>", "configuration file instead of the nearest codemode-client.yaml")
    .addHelpText("after", EXIT_CODES)
    .action(async (file: string | undefined, options: RunOptions) => {
      finish(await (await import("./run.ts")).run(file, options));
    });

  program
    .command("replay")
    .description("run a recorded run once more, with no tool called: every call has the answer that it had")
    .argument("<journal>", "JSON file that codemode run --journal has written")
    .option("--json", "print the whole outcome as one JSON document")
    .option("--config <path>", "configuration file instead of the nearest codemode-client.yaml")
    .addHelpText("after", EXIT_CODES)
    .action(async (file: string, options: { json?: boolean; config?: string }) => {
      finish(await (await import("./replay.ts")).replay(file, options));
    });

  program
    .command("executor")
    .description("run the executor in the foreground; its key comes from CODEMODE_EXECUTOR_API_KEY or _FILE")
    .option("--listen <address>", "host:port or unix:path (default: 127.0.0.1:8001)")
    .option("--config <path>", "configuration file of the executor")
    .option("--print-config", "show its effective configuration and where each value comes from, and start nothing")
    .action(async (options: ExecutorOptions) => {
      finish(await (await import("./executor.ts")).executor(options));
    });

  addDocker(program, finish);

  program
    .command("mcp")
    .description("serve one MCP tool, execute_code, whose programs call the tools of any set of MCP servers")
    .requiredOption("--config <file>", "JSON or YAML with mcpServers, as Claude and Cursor have it")
    .option("--http <[host:]port>", "serve HTTP at /mcp instead of stdio; on this machine alone when no host is given")
    .option("--allow-host <name...>", "names under which it may be called besides localhost")
    .addHelpText("after", "\nWith CODEMODE_MCP_API_KEY (or _FILE) set, HTTP clients need it as bearer key.")
    .action(async (options: { config: string; http?: string; allowHost?: string[] }) => {
      const { mcp } = await withPeers("mcp", () => import("./mcp/command.ts"));
      finish(await mcp({ ...options, version: version() }));
    });

  program
    .command("tls")
    .description("make certificates for development: of a CA, an executor and a client")
    .option("--out <folder>", "where to write them", "codemode-tls")
    .option("--host <name...>", "names and addresses of the executor, beside localhost")
    .option("--force", "replace those that are there")
    .action(async (options: TlsOptions) => {
      finish(await (await import("./tls.ts")).tls(options));
    });

  program
    .command("doctor")
    .description("check Node, isolated-vm, the configuration and the executor")
    .option("--config <path>", "configuration file instead of the nearest codemode-client.yaml")
    .action(async (options: { config?: string }) => {
      finish(await (await import("./doctor.ts")).doctor(options));
    });

  program
    .command("config")
    .description("show the effective configuration and where each value comes from")
    .option("--config <path>", "configuration file instead of the nearest codemode-client.yaml")
    .option("--json", "print one JSON document")
    .action(async (options: { config?: string; json?: boolean }) => {
      finish(await (await import("./config.ts")).config(options));
    });
  return program;
}

function addDocker(program: Command, finish: (exitCode: number) => void): void {
  const docker = program.command("docker").description("the executor in a container of this machine");
  const add = (name: string, description: string): Command =>
    docker
      .command(name)
      .description(description)
      .option("--config <path>", "configuration file instead of the nearest codemode-client.yaml");
  const commands = () => import("./docker.ts");
  add("up", "start the container, unless it runs, and print its address").action(async (options: DockerOptions) =>
    finish(await (await commands()).up(options)),
  );
  add("status", "tell whether it runs").action(async (options: DockerOptions) =>
    finish(await (await commands()).status(options)),
  );
  add("logs", "print the last lines that it wrote")
    .option("--lines <count>", "how many", count, 100)
    .action(async (options: DockerOptions & { lines: number }) => finish(await (await commands()).logs(options)));
  add("down", "stop it and take it away").action(async (options: DockerOptions) =>
    finish(await (await commands()).down(options)),
  );
  add("build", "build the image from the nearest Dockerfile.executor")
    .option("--context <folder>", "where to look for it", ".")
    .action(async (options: DockerOptions & { context: string }) => finish(await (await commands()).build(options)));
}

/** Loads a command that needs packages which are not installed with us. */
async function withPeers<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const missing = /^Cannot find package '(@modelcontextprotocol\/[\w-]+)'/.exec((error as Error).message)?.[1];
    if (missing === undefined) throw error;
    throw new UsageError(`codemode ${name} needs ${missing}: npm install ${MCP_PACKAGES}`);
  }
}

const MCP_PACKAGES = "@modelcontextprotocol/client @modelcontextprotocol/server";

function count(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError("Expected a number from 1 to 999999.");
  return Number(text);
}

function duration(text: string): number {
  const ms = /^\d+$/.test(text) ? Number(text) : parseDuration(text);
  if (ms === undefined || ms <= 0) throw new InvalidArgumentError("Expected a duration such as 500ms, 5s or 2m.");
  return ms;
}

function version(): string {
  const manifest = readFileSync(fileURLToPath(import.meta.resolve("@codemode/client/package.json")), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

/** An error as people want it: what happened, no stack. */
function asNote(error: unknown): string {
  const message = printable(messageOf(error));
  if (error instanceof UsageError) return `codemode: ${message}\nSee: codemode --help`;
  if (!CodemodeError.is(error)) return `codemode: internal error: ${message}`;
  return error.code === "INVALID_CONFIG" ? message : `codemode: ${error.name}: ${message}`;
}
