// Tools for `npx codemode run program.js --tools ./examples/tools.ts`: a module whose default export is an object of
// tools, or a ComponentRegistry.
import { z } from "zod";

export default {
  add: {
    description: "Adds two numbers",
    inputSchema: z.object({ a: z.number(), b: z.number() }),
    execute: ({ a, b }: { a: number; b: number }) => a + b,
  },
  now: {
    description: "The time in Tokyo, as text",
    execute: () => new Date().toLocaleString("en", { timeZone: "Asia/Tokyo" }),
  },
};
