import { RunErrorType } from "@codemode/proto/messages";

/** What is known about a worker that died by itself. */
export interface Death {
  readonly stderr: string;
  readonly signal: NodeJS.Signals | null;
  readonly lastResidentBytes: number;
  readonly residentLimitBytes: number;
}

// V8, libstdc++ and isolated-vm each have their own last words for "no memory".
const OUT_OF_MEMORY = /out of memory|is_heap_oom = 1|invalid (array|table|size)|bad_alloc|allocation failed/i;

/** What a run ends as whose worker died by itself. Exit codes say nothing: any end of a worker can be forged. */
export function causeOf(death: Death): { readonly type: RunErrorType; readonly message: string } {
  if (death.signal === "SIGXCPU")
    return { type: RunErrorType.RUN_ERROR_TYPE_CPU_LIMIT, message: "Used too much CPU time" };
  if (OUT_OF_MEMORY.test(death.stderr) || death.lastResidentBytes > 0.8 * death.residentLimitBytes) {
    return { type: RunErrorType.RUN_ERROR_TYPE_MEMORY_LIMIT, message: "Used more memory than a run may have" };
  }
  return { type: RunErrorType.RUN_ERROR_TYPE_CRASHED, message: "The worker process died under the program" };
}
