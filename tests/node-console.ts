// What Node's own console writes for each program of a list: JSON from stdin to stdout. A process of its own, because
// the test runner changes how errors and stacks are made.
import { Console } from "node:console";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { Script } from "node:vm";

const programs = JSON.parse(await text(process.stdin)) as string[];

process.stdout.write(
  JSON.stringify(
    programs.map((program) => {
      let written = "";
      const sink = new Writable({ write: (chunk, _encoding, done) => ((written += String(chunk)), done()) });
      const console = new Console({ stdout: sink, stderr: sink, colorMode: false });
      const call = new Script(`(console) => { "use strict"; ${program}\n}`).runInThisContext() as (
        given: Console,
      ) => void;
      call(console);
      return written.replace(/\n$/, "");
    }),
  ),
);
