// For `--import` of a process under test: at SIGUSR2 it collects its garbage and gives the empty pages back.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

process.on("SIGUSR2", () => collect({ type: "major", flavor: "last-resort" }));
