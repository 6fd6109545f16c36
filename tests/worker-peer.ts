import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import {
  type Call,
  CallErrorType,
  LogLevel,
  Manifest,
  OnOversize,
  type Output,
  RunErrorType,
  ValueEncoding,
} from "@codemode/proto/messages";
import { decode, encode } from "@codemode/proto/values";
import { type Done, type Run, WorkerEvent, WorkerRequest } from "@codemode/proto/worker";

const entry = fileURLToPath(new URL("../executor/src/gen/worker.cjs", import.meta.url));
const flags = ["--no-node-snapshot", "--jitless", "--no-js-float16array"];

/** What a run may be given besides its code. */
export type Settings = Partial<Run> & { readonly manifest?: Manifest };

/** What came of a program: its value, or its error with the type by name. */
export interface Ran {
  readonly value?: unknown;
  readonly error?: {
    type: string;
    name: string;
    message: string;
    line?: number | undefined;
    column?: number | undefined;
    frame: string;
    stack: string;
    seq?: number | undefined;
    hint: string;
    signature: string;
  };
  readonly logs: string[];
  readonly outputs: Output["item"][];
  /** The logs with their levels. */
  readonly lines: { level: string; text: string; line?: number | undefined }[];
  readonly calls: Call[];
  readonly warnings: string[];
  /** Lines of output that were left out, and what of others was. */
  readonly dropped: number;
  readonly droppedBytes: number;
}

type Tool = (input: never) => unknown;

/** A worker process with an environment that no executor would give it. */
export function start(env: NodeJS.ProcessEnv = {}): ChildProcess {
  const stdio = ["ignore", "ignore", "inherit", "pipe"] as const;
  return spawn(process.execPath, [...flags, entry], { env, cwd: "/", stdio: [...stdio] });
}

/** The edge's side of a worker process, as thin as a test can have it. */
export class WorkerPeer implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #channel: Duplex;
  readonly #events: AsyncGenerator<NonNullable<WorkerEvent["event"]>>;

  /** What the last run cost. */
  cpuMs = 0;

  /** Takes `child`. */
  constructor(child: ChildProcess = start()) {
    this.#child = child;
    this.#channel = this.#child.stdio[3] as Duplex;
    this.#events = events(this.#channel);
  }

  async run(code: string, tools: Record<string, Tool> = {}, settings: Settings = {}): Promise<Ran> {
    await this.#until("ready");
    const { manifest = manifestOf(tools), ...others } = settings;
    const value = runOf({ code, ...others });
    this.#send({ $case: "manifest", value: Buffer.from(Manifest.encode(manifest).finish()) });
    this.#send({ $case: "run", value });
    const lines: Ran["lines"] = [];
    const outputs: Output["item"][] = [];
    const calls: Call[] = [];
    const clock = value.clock?.getTime() ?? 0;
    for (;;) {
      const event = await this.#next();
      if (event.$case === "log")
        lines.push({ level: levelOf(event.value.level), text: event.value.text, line: event.value.line });
      else if (event.$case === "output") outputs.push(event.value.item);
      else if (event.$case === "call") {
        calls.push(event.value);
        void this.#answer(event.value, tools, clock + calls.length);
      } else if (event.$case === "done") {
        this.cpuMs = Number(event.value.cpuUs) / 1000;
        await this.#until("clean");
        return { ...read(event.value), logs: lines.map(({ text }) => text), lines, outputs, calls };
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }

  async #answer(call: Call, tools: Record<string, Tool>, at: number): Promise<void> {
    let result;
    try {
      const input = decode(call.arguments?.data.toString() ?? "null") as never;
      const output = call.name === "" ? undefined : await tools[call.name]?.(input);
      const data = Buffer.from(output === undefined ? "" : encode(output));
      result = { $case: "value" as const, value: { encoding: ValueEncoding.VALUE_ENCODING_EXACT, data } };
    } catch (error) {
      const { name, message } = error as Error;
      const type = CallErrorType.CALL_ERROR_TYPE_TOOL_ERROR;
      result = { $case: "error" as const, value: { type, name, message, code: "E_TEST", retryable: false } };
    }
    this.#send({ $case: "settle", value: { seq: call.seq, result, settledAt: new Date(at) } });
  }

  #send(request: NonNullable<WorkerRequest["request"]>): void {
    const message = WorkerRequest.encode({ request }).finish();
    const header = Buffer.alloc(4);
    header.writeUInt32BE(message.length);
    this.#channel.write(Buffer.concat([header, message]));
  }

  async #next(): Promise<NonNullable<WorkerEvent["event"]>> {
    const { value, done } = await this.#events.next();
    if (done) throw new Error("The worker is gone");
    return value;
  }

  async #until(kind: string): Promise<void> {
    for (;;) if ((await this.#next()).$case === kind) return;
  }
}

async function* events(channel: Duplex): AsyncGenerator<NonNullable<WorkerEvent["event"]>> {
  let buffered = Buffer.alloc(0);
  for await (const chunk of channel as AsyncIterable<Buffer>) {
    buffered = Buffer.concat([buffered, chunk]);
    while (buffered.length >= 4 && buffered.length >= 4 + buffered.readUInt32BE()) {
      const end = 4 + buffered.readUInt32BE();
      const { event } = WorkerEvent.decode(buffered.subarray(4, end));
      buffered = buffered.subarray(end);
      if (event) yield event;
    }
  }
}

/** A manifest of tools without schemas. */
export function manifestOf(tools: object, schemas: Record<string, object> = {}): Manifest {
  const row = (name: string) => {
    const inputSchemaJson = schemas[name] ? JSON.stringify(schemas[name]) : "";
    return { name, description: `Does ${name}`, inputSchemaJson, outputSchemaJson: "" };
  };
  return { tools: Object.keys(tools).map(row), agents: [] };
}

function read({ result, truncation, warnings }: Done): Omit<Ran, "logs" | "lines" | "outputs" | "calls"> {
  const counted = {
    warnings,
    dropped: Number(truncation?.logLines ?? 0n),
    droppedBytes: Number(truncation?.logBytes ?? 0n),
  };
  if (result?.$case === "value") {
    const text = result.value.data.toString();
    return { value: text === "" ? undefined : decode(text), ...counted };
  }
  if (!result) throw new Error("Done without a result");
  const [name = ""] = Object.entries(RunErrorType).find(([, type]) => type === result.value.type) ?? [];
  return { error: { ...result.value, type: name.replace("RUN_ERROR_TYPE_", "") }, ...counted };
}

function levelOf(level: LogLevel): string {
  const [name = ""] = Object.entries(LogLevel).find(([, value]) => value === level) ?? [];
  return name.replace("LOG_LEVEL_", "").toLowerCase();
}

export const budgets = {
  wallTime: undefined,
  waitTime: undefined,
  cpuTime: undefined,
  heapBytes: 64n * 1024n * 1024n,
  calls: 100,
  callsInFlight: 16,
  argumentBytes: 65_536n,
  resultBytes: 262_144n,
  logBytes: 65_536n,
  logLines: 1_000,
};

/** A complete Run. */
export function runOf(settings: Partial<Run>): Run {
  return { ...defaults, ...settings };
}

const defaults: Run = {
  code: "",
  fileName: "program.js",
  onOversize: OnOversize.ON_OVERSIZE_UNSPECIFIED,
  context: undefined,
  config: undefined,
  valueEncoding: ValueEncoding.VALUE_ENCODING_EXACT,
  seed: Buffer.alloc(16, 7),
  clock: new Date(1_700_000_000_000),
  budgets,
  replayedAnswers: 0,
};
