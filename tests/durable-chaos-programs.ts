/** How long the runs of a killed app stay its own, in milliseconds. */
export const LEASE_MS = 150;

export function executionIdOf(seed: number): string {
  return `run-${seed}`;
}

/** Numbers that look random and are the same every time. */
export function dice(seed: number): (below: number) => number {
  let state = ((seed * 7_919) % 2_147_483_646) + 1;
  return (below) => (state = (state * 48_271) % 2_147_483_647) % below;
}

/** What has effects: both a tool and an agent of each name. */
export const NAMES = ["again", "once"] as const;

/** The items of the stream of `n`. */
export async function* itemsOf(n: number, pause: () => Promise<unknown> = async () => {}): AsyncGenerator<number> {
  for (let index = 0; index < 2 + (n % 4); index++) {
    await pause();
    yield n * 10 + index;
  }
}

/** What the tools answer. */
export function resultOf(n: number, fail: boolean): number {
  if (fail) throw new RangeError(`no ${n}`);
  return n * 10;
}

/** A program whose value is the same however its calls race: sequential, parallel, racing, nested, catching, timers, loops, streams. */
export function programOf(seed: number): string {
  const roll = dice(seed);
  for (let n = 0; n < 5; n++) roll(2); // small seeds begin alike
  let next = 0;
  const subject = () => ["tools.once", "tools.again", "agents.once.run", "agents.again.run"][roll(4)]!;
  const call = () => `${subject()}({ n: ${next++} })`;
  const statement = (depth: number): string => {
    switch (roll(depth > 1 ? 7 : 9)) {
      case 0:
      case 1:
        return `out.push(await ${call()});`;
      case 2:
        return `out.push(...(await Promise.all([${Array.from({ length: 2 + roll(3) }, call).join(", ")}])));`;
      case 3:
        return `out.push(await ${subject()}({ n: ${next++}, fail: true }).catch((error) => error.message));`;
      case 4:
        return `await new Promise((resolve) => setTimeout(resolve, ${roll(3)}));`;
      case 5:
        return `for (let i = 0; i < ${2 + roll(4)}; i++) out.push(await ${call()});`;
      case 6:
        return `out.push(await streamed(${next++}, ${roll(3)}));`;
      case 7:
        return `await Promise.race([${call()}, new Promise((resolve) => setTimeout(resolve, 0)), ${call()}]);`;
      default:
        return `out.push(await Promise.all([${block(depth + 1)}, ${block(depth + 1)}]));`;
    }
  };
  const block = (depth: number) =>
    `(async () => { const out = []; ${Array.from({ length: 1 + roll(3) }, () => statement(depth)).join(" ")} return out; })()`;
  const body = Array.from({ length: 2 + roll(4) }, () => statement(0));
  const end = roll(5) ? "return out;" : "throw new TypeError(`after ${out.length}`);";
  return [STREAMED, "const out = [];", ...body, end].join("\n");
}

// A stream ends with the app that ran its handler, which the program is told, and may begin it again.
const STREAMED = `
const streamed = async (n, most) => {
  for (;;) {
    const items = [];
    try {
      for await (const item of tools.items({ n })) {
        items.push(item);
        if (items.length > most + 2) break;
      }
      return items;
    } catch (error) {
      if (error.code !== "STREAM_LOST" || error.name !== "StreamLostError") throw error;
    }
  }
};`;
