import { createRequire } from "node:module";
import { dirname } from "node:path";
import { loadSync } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import type { Server } from "@grpc/grpc-js";

/** Lets other languages' tools ask for the contract. */
export function addReflection(server: Server): void {
  const protoFolder = dirname(createRequire(import.meta.url).resolve("@codemode/proto/package.json"));
  // keepCase: what is reflected are the names of the loaded definition, and the contract's are lower_snake.
  const definition = loadSync("codemode/v1/executor.proto", { includeDirs: [protoFolder], keepCase: true });
  new ReflectionService(definition).addToServer(server);
}
