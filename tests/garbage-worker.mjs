// A worker after an escape: announces a frame of 4 GiB and would go on for ever.
import { writeSync } from "node:fs";

writeSync(3, Buffer.alloc(64 * 1024, 0xff));
setInterval(() => {}, 1000);
