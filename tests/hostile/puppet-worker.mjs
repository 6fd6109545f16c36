// A worker process after an escape: it says what its program tells it to. `[[<times> …]]` in a program are bytes for the edge,
// in base64; `[[<MiB> noise]]` is for stderr. It may read no file but this, so it takes frames apart by hand.
import { readSync, writeSync } from "node:fs";

const STDERR = 2;
const CHANNEL = 3;
const READY = Buffer.from([0, 0, 0, 2, 0x0a, 0]); // the frame of a WorkerEvent that is ready

function read(length) {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length;) {
    const count = readSync(CHANNEL, bytes, at, length - at, null);
    if (count === 0) process.kill(process.pid, "SIGKILL");
    at += count;
  }
  return bytes;
}

function write(descriptor, bytes) {
  for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
}

write(CHANNEL, READY);
for (;;) {
  const request = read(read(4).readUInt32BE()).toString("latin1");
  for (const [, count, what] of request.matchAll(/\[\[(\d+) (.*?)\]\]/g)) {
    const isNoise = what === "noise";
    const bytes = isNoise ? Buffer.alloc(1 << 20, 0x78) : Buffer.from(what, "base64");
    for (let time = 0; time < Number(count); time++) write(isNoise ? STDERR : CHANNEL, bytes);
  }
}
