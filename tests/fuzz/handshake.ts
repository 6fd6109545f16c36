import { Duplex } from "node:stream";
import { connect } from "node:tls";
import { Dice } from "../chaos/dice.ts";
import { PREFACE } from "./http2.ts";
import { mutate, randomBytes } from "./mutate.ts";
import type { Script } from "./script.ts";

/** What a client of TLS sends first. */
export function clientHello(): Promise<Buffer> {
  return new Promise((resolve) => {
    const line = new Duplex({
      read() {},
      write(chunk: Buffer) {
        resolve(chunk);
      },
    });
    connect({ socket: line, servername: "localhost", ALPNProtocols: ["h2"] });
  });
}

/** What is no handshake, or begins as one. None of it is a frame or a message, and none counts as one. */
export function wrongHandshake(seed: number, hello: Buffer): Script {
  const dice = new Dice(seed);
  const record = (type: number) => Buffer.concat([Buffer.from([type, 3, 3, 0, 64]), randomBytes(64, dice)]);
  const beginnings = [
    () => [mutate(hello, dice)],
    () => [mutate(hello, dice), ...dice.times(1, 4, () => record(dice.one([20, 21, 22, 23, dice.below(256)])))],
    () => [hello, ...dice.times(1, 4, () => record(dice.one([20, 21, 22, 23, dice.below(256)])))],
    () => [hello.subarray(0, dice.below(hello.length)), PREFACE],
    () => [PREFACE, ...dice.times(0, 4, () => randomBytes(dice.below(64), dice))],
    () => dice.times(1, 4, () => randomBytes(1 + dice.below(600), dice)),
  ];
  return {
    frames: dice
      .one(beginnings)()
      .map((bytes) => ({ bytes, isWrong: false })),
    streams: [],
  };
}
