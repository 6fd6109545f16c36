import type { Container } from "dockerode";

const TAIL_LINES = 20;
const HEADER_BYTES = 8; // a kind, and the length in the last four

/** The last lines that a container wrote; nothing when it is gone. */
export async function tailOf(container: Container, lines = TAIL_LINES): Promise<string> {
  const query = { stdout: true, stderr: true, tail: lines, follow: false } as const;
  const frames = await container.logs(query).catch(() => Buffer.alloc(0));
  return textOf(frames);
}

/** What a container wrote, without Docker's frames. */
function textOf(frames: Buffer): string {
  const parts: string[] = [];
  for (let at = 0; at + HEADER_BYTES <= frames.length;) {
    const end = at + HEADER_BYTES + frames.readUInt32BE(at + 4);
    parts.push(frames.toString("utf8", at + HEADER_BYTES, end));
    at = end;
  }
  return parts.join("").trim();
}
