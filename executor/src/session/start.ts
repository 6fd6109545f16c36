import { OnOversize, type Start, type Value, ValueEncoding } from "@codemode/proto/messages";
import type { Run } from "@codemode/proto/worker";
import { type BudgetCeilings, mergeBudgets, type RunBudgets, wireBudgets } from "./budgets.ts";
import type { ComponentSet } from "./manifest.ts";
import { Refusal } from "./refusal.ts";

/** A Start that was found good, but for its components. */
export interface ParsedStart {
  readonly executionId: string;
  readonly correlationId: string;
  readonly attempt: number;
  readonly tenant: string;
  readonly codeBytes: number;
  /** What its code, context and config take in memory, at most: a character of code has two bytes where one is not Latin. */
  readonly bytes: number;
  readonly budgets: RunBudgets;
  /** What earlier attempts have delivered. */
  readonly shown: { readonly logs: number; readonly outputs: number };
  /** Whether the app is told when the program waits. */
  readonly isIdleWanted: boolean;
  /** For the worker. */
  readonly run: Run;
}

/** What is to run. */
export interface Program extends ParsedStart {
  /** What it may call. */
  readonly components: ComponentSet;
}

const ID = /^[A-Za-z0-9_.:-]{1,128}$/;
const SEED_BYTES = 16;
const MAX_TENANT_CHARS = 128;
const MAX_FILE_NAME_CHARS = 255;

/** Checks everything about `start` that can be told without parsing its payloads. Throws a Refusal naming the field. */
export function parseStart(start: Start, ceilings: BudgetCeilings): ParsedStart {
  const must = (holds: boolean, field: string, problem: string): void => {
    if (!holds) throw new Refusal(`start.${field}`, problem);
  };
  must(ID.test(start.executionId), "execution_id", "1 to 128 characters of [A-Za-z0-9_.:-] are needed");
  must(ID.test(start.correlationId), "correlation_id", "1 to 128 characters of [A-Za-z0-9_.:-] are needed");
  must(start.attempt >= 1, "attempt", "the first attempt is 1");
  must(start.tenant.length <= MAX_TENANT_CHARS, "tenant", `over ${MAX_TENANT_CHARS} characters`);
  must(start.seed.length === SEED_BYTES, "seed", `${SEED_BYTES} bytes are needed, not ${start.seed.length}`);
  must(start.clock !== undefined && !Number.isNaN(start.clock.getTime()), "clock", "it is missing");
  const fileName = start.fileName ?? "program.js";
  must(
    /^[^\p{Cc}]{1,255}$/u.test(fileName),
    "file_name",
    `1 to ${MAX_FILE_NAME_CHARS} printable characters are needed`,
  );
  const budgets = mergeBudgets(start.budgets, ceilings);
  const codeBytes = Buffer.byteLength(start.code);
  must(codeBytes <= budgets.codeBytes, "code", `${codeBytes} bytes are over the budget of ${budgets.codeBytes}`);
  checkValue("start.context", start.context, budgets.answerBytes);
  checkValue("start.config", start.config, budgets.answerBytes);
  must(start.valueEncoding in ENCODINGS, "value_encoding", `${start.valueEncoding} is not known`);
  must(start.onOversize in ON_OVERSIZE, "on_oversize", `${start.onOversize} is not known`);
  const run: Run = {
    code: start.code,
    fileName,
    onOversize: start.onOversize,
    context: start.context,
    config: start.config,
    valueEncoding: start.valueEncoding || ValueEncoding.VALUE_ENCODING_EXACT,
    seed: start.seed,
    clock: start.clock,
    budgets: wireBudgets(budgets),
    replayedAnswers: 0,
  };
  const { executionId, correlationId, attempt, tenant } = start;
  const shown = { logs: start.logsReceived, outputs: start.outputsReceived };
  const bytes = 2 * start.code.length + (start.context?.data.length ?? 0) + (start.config?.data.length ?? 0);
  const { idleWanted: isIdleWanted } = start;
  return { executionId, correlationId, attempt, tenant, codeBytes, bytes, budgets, shown, isIdleWanted, run };
}

const ENCODINGS: Readonly<Record<number, true>> = {
  [ValueEncoding.VALUE_ENCODING_UNSPECIFIED]: true,
  [ValueEncoding.VALUE_ENCODING_EXACT]: true,
  [ValueEncoding.VALUE_ENCODING_JSON]: true,
};

const ON_OVERSIZE: Readonly<Record<number, true>> = {
  [OnOversize.ON_OVERSIZE_UNSPECIFIED]: true,
  [OnOversize.ON_OVERSIZE_FAIL]: true,
  [OnOversize.ON_OVERSIZE_TRUNCATE]: true,
};

/** Checks a value as far as its bytes tell. */
export function checkValue(field: string, value: Value | undefined, maxBytes: number): void {
  if (!value) return;
  if (!(value.encoding in ENCODINGS)) throw new Refusal(`${field}.encoding`, `${value.encoding} is not known`);
  if (value.data.length > maxBytes) {
    throw new Refusal(`${field}.data`, `${value.data.length} bytes are over the budget of ${maxBytes}`);
  }
}
