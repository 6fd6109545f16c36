// Starts the executor from its bundle, edge.cjs. What V8 has compiled of that is kept beside it for the next start. That is safe there
// and would not be in a folder for temporary files: who can write there can change the bundle too. Where the executor itself cannot,
// it starts without.
"use strict";
const { enableCompileCache } = require("node:module");

enableCompileCache(`${__dirname}/gen/cache`);
require("./gen/edge.cjs"); // oxlint-disable-line import/no-unassigned-import -- to load it is to start it
