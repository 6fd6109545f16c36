import type { MethodDefinition } from "@grpc/grpc-js";

const asItIs = (message: Buffer): Buffer => message;

/** Messages both ways, of bytes: what grpc-js costs by itself. */
export const echo: MethodDefinition<Buffer, Buffer> = {
  path: "/bench.Echo/Echo",
  requestStream: true,
  responseStream: true,
  requestSerialize: asItIs,
  requestDeserialize: asItIs,
  responseSerialize: asItIs,
  responseDeserialize: asItIs,
};
