// The other end of floors B and C: says back what it is told, and ends when it is told so.
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { echo } from "./echo.ts";

const server = new Server();
server.addService({ echo }, { echo: (stream: ServerDuplexStream<Buffer, Buffer>) => answer(stream) });
const port = await new Promise<number>((resolve, reject) =>
  server.bindAsync(process.argv[2] ?? "127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
    error ? reject(error) : resolve(bound),
  ),
);
process.stdout.write(`${port}\n`);

function answer(stream: ServerDuplexStream<Buffer, Buffer>): void {
  stream.on("data", (message: Buffer) => stream.write(message));
  stream.on("end", () => stream.end());
}
