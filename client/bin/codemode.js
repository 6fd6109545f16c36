#!/usr/bin/env node
// Plain JavaScript without dependencies, so that an old Node reaches the message below instead of a syntax error.
import { existsSync } from "node:fs";

const MINIMUM = 24;

if (Number.parseInt(process.versions.node, 10) < MINIMUM) {
  process.stderr.write(
    `codemode needs Node ${MINIMUM} or later; this is ${process.version} (${process.execPath}).\n` +
      `Install one from https://nodejs.org, or run: npx -p node@${MINIMUM} -p @codemode/client codemode …\n`,
  );
  process.exit(78);
}

const source = new URL("../src/cli/main.ts", import.meta.url);
const { main } = await import(existsSync(source) ? source.href : new URL("../cli/main.js", import.meta.url).href);
process.exit(await main(process.argv.slice(2))); // a tools module may hold the process open, and its work is done
