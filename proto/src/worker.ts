export { Abort, Clean, Done, Idle, Ready, Run, WorkerEvent, WorkerRequest } from "./gen/codemode/worker/v1/worker.ts";

/** The longest frame between edge and worker: the longest gRPC message and what the envelope around it takes. */
export const MAX_FRAME_BYTES: number = 4 * 1024 * 1024 + 64 * 1024;

/** The largest manifest that a worker is given, in bytes: it has it in memory, beside its program. */
export const MAX_MANIFEST_BYTES: number = 16 * 1024 * 1024;
