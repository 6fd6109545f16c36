import { parseArgs } from "node:util";
import { CodemodeError } from "@codemode/proto";

/** What an executor is told when it is called. */
export interface Arguments {
  readonly listen: string | undefined;
  /** A YAML file. */
  readonly config: string | undefined;
  /** To print the configuration instead of starting. */
  readonly printConfig: boolean;
  /** Descriptor of the pipe to a parent process. An option alone: a variable would be inherited by processes it does not fit. */
  readonly lifeline: number | undefined;
}

const OPTIONS = {
  listen: { type: "string" },
  config: { type: "string" },
  "print-config": { type: "boolean" },
  lifeline: { type: "string" },
} as const;
const USAGE = "Options: --listen <host:port|unix:path>, --config <file>, --print-config, --lifeline <fd>";

/** @throws CodemodeError INVALID_CONFIG, naming the option. */
export function readArguments(argv: readonly string[]): Arguments {
  const { listen, config, lifeline, "print-config": printConfig = false } = parse(argv);
  return { listen, config, printConfig, lifeline: lifeline === undefined ? undefined : descriptor(lifeline) };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, strict: true }).values;
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    throw new CodemodeError("INVALID_CONFIG", `${problem}\n${USAGE}`);
  }
}

function descriptor(text: string): number {
  const fd = Number(text);
  if (/^\d{1,4}$/.test(text) && fd >= 3 && fd <= 1_023) return fd;
  throw new CodemodeError("INVALID_CONFIG", `--lifeline: expected a whole number from 3 to 1023, received "${text}"`);
}
