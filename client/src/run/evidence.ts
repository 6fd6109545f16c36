import { type Finished, type Log, type Output, outputBytes } from "@codemode/proto/messages";
import { violation } from "./gate.ts";
import { toLogLine, toOutputItem } from "./from-wire.ts";
import type { LogLine, OutputItem } from "./outcome.ts";

/** What one run may leave behind, whatever its executor says. */
export interface EvidenceLimits {
  readonly logLines: number;
  readonly logBytes: number;
  readonly outputBytes: number;
}

const MAX_WARNINGS = 100;
const MAX_WARNING = 1_000; // characters

/** What a program has shown beside its value. */
export class Evidence {
  readonly logs: LogLine[] = [];
  readonly outputs: OutputItem[] = [];
  /** Lines and items that came, those for which there was no room among them: another attempt does not send them again. */
  logsReceived = 0;
  outputsReceived = 0;
  readonly #limits: EvidenceLimits;
  #logBytes = 0;
  #outputBytes = 0;
  #droppedLogs = 0;

  constructor(limits: EvidenceLimits) {
    this.#limits = limits;
  }

  /** The line, when there was room for it. */
  log(log: Log): LogLine | undefined {
    this.logsReceived += 1;
    const bytes = Buffer.byteLength(log.text);
    if (this.logs.length >= this.#limits.logLines || this.#logBytes + bytes > this.#limits.logBytes) {
      this.#droppedLogs += 1;
      return undefined;
    }
    this.#logBytes += bytes;
    const line = toLogLine(log);
    this.logs.push(line);
    return line;
  }

  output(output: Output): void {
    this.outputsReceived += 1;
    const { item } = output;
    if (!item) throw violation("sent output of no known kind");
    this.#outputBytes += outputBytes(item);
    if (this.#outputBytes > this.#limits.outputBytes) {
      throw violation(`sent output of more than ${this.#limits.outputBytes} bytes`);
    }
    this.outputs.push(toOutputItem(item));
  }

  /** What the executor warns of, and what was left out. */
  warnings(finished: Finished | undefined): string[] {
    const warnings = (finished?.warnings ?? []).slice(0, MAX_WARNINGS).map((text) => text.slice(0, MAX_WARNING));
    const lines = this.#droppedLogs + Number(finished?.truncation?.logLines ?? 0);
    const outputs = Number(finished?.truncation?.outputs ?? 0);
    const bytes = Number(finished?.truncation?.logBytes ?? 0);
    if (lines > 0) warnings.push(`${lines} lines of console output were dropped: over the budget`);
    else if (bytes > 0) warnings.push(`${bytes} bytes of console output were cut: its lines are too long`);
    if (outputs > 0) warnings.push(`${outputs} items of output were dropped: over the budget`);
    return warnings;
  }
}
