export { Abort, Clean, Done, Ready, Run, WorkerEvent, WorkerRequest } from "./gen/codemode/worker/v1/worker.ts";
