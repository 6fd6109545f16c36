/** What a program with all the rights of its worker process may try, by name. Each must throw or reject. */
export const denied: Readonly<Record<string, string>> = {
  "read a file": `return require("fs").readFileSync("/etc/passwd", "utf8")`,
  "read its own code": `return require("fs").readFileSync(process.argv[1], "utf8")`,
  "read a native package": `return require("fs").readdirSync(PACKAGES)`,
  "list a folder": `return require("fs").readdirSync("/")`,
  "learn whether a file exists": `return require("fs").statSync("/etc/passwd")`,
  "read the environment of another process": `return require("fs").readFileSync("/proc/" + process.ppid + "/environ", "utf8")`,
  "list its descriptors": `return require("fs").readdirSync("/proc/self/fd")`,
  "open a descriptor again": `return require("fs").openSync("/proc/self/fd/2", "w")`,
  "write a file": `require("fs").writeFileSync("/tmp/codemode-drill", "x")`,
  "make a link": `require("fs").symlinkSync("/etc/passwd", "/tmp/codemode-drill")`,
  "write a report": `process.report.writeReport("/tmp/codemode-drill")`,
  "write a heap snapshot": `require("v8").writeHeapSnapshot("/tmp/codemode-drill")`,
  "keep a database in a file": `new (require("node:sqlite").DatabaseSync)("/tmp/codemode-drill").exec("CREATE TABLE t (c)")`,
  "trace itself into a file": `require("trace_events").createTracing({ categories: ["v8"] }).enable()`,
  "write its heap when memory is short": `require("v8").setHeapSnapshotNearHeapLimit(1)`,
  "change its folder": `process.chdir("/tmp")`,
  "load a module": `return await import("file:///etc/passwd")`,
  "start a process": `const { error } = require("child_process").spawnSync("/bin/true"); if (error) throw error`,
  "start a process later": `require("child_process").spawn("/bin/true")`,
  fork: `require("child_process").fork("/tmp/x.js")`,
  "become another program": `process.execve("/bin/true", ["true"], {})`,
  "start a thread": `new (require("worker_threads").Worker)("1", { eval: true })`,
  "load an addon": `process.dlopen({ exports: {} }, ADDON)`,
  "load a shared library": `process.dlopen({ exports: {} }, "libc.so.6")`,
  "call native code": `require("node:ffi").dlopen("libc.so.6", {})`,
  "use WASI": `new (require("wasi").WASI)({ version: "preview1" })`,
  "open the debugger": `require("inspector").open(0)`,
  "debug itself": `new (require("inspector").Session)().connect()`,
  "get its file rights back": `process.permission.drop("fs"); return require("fs").readFileSync(process.argv[1])`,
};

/** What it may try in a process of another user than the executor's. */
export const deniedToNobody: Readonly<Record<string, string>> = {
  "become root again": `process.setuid(0)`,
  "take another group": `process.setgid(0)`,
  "signal the executor": `process.kill(process.ppid, 0)`,
  "open the executor's debugger": `process._debugProcess(process.ppid)`,
  "slow the executor down": `require("os").setPriority(process.ppid, 19)`,
};

/** What it may try where the permission model knows a network: from Node 26 on. */
export const deniedByNetworkPermission: Readonly<Record<string, string>> = {
  connect: connecting(`{ host: "127.0.0.1", port: PORT }`),
  "connect to a socket of this machine": connecting(`{ path: SOCKET }`),
  listen: `const server = require("net").createServer().listen(0);
    await new Promise((resolve, reject) => server.on("listening", resolve).on("error", reject)); server.close()`,
  "look up a name": `return await require("dns").promises.lookup("localhost")`,
  "ask a name server": `return await require("dns").promises.resolve("localhost")`,
  "send a datagram": `const socket = require("dgram").createSocket("udp4");
    try { await new Promise((resolve, reject) => {
      socket.on("error", reject).send("x", PORT, "127.0.0.1", (error) => error ? reject(error) : resolve()) }) }
    finally { socket.close() }`,
  fetch: `return (await fetch("http://127.0.0.1:" + PORT).catch(({ cause }) => { throw cause })).status`,
};

/** A program that connects and rejects when it cannot. */
export function connecting(where: string): string {
  return `const socket = require("net").connect(${where}); socket.setTimeout(TIMEOUT, () => socket.destroy(new Error("timeout")));
    try { await new Promise((resolve, reject) => socket.on("connect", resolve).on("error", reject)) }
    finally { socket.destroy() }`;
}

/** What a process can always see of itself. */
export const SURROUNDINGS = `const fs = require("fs"), kinds = { file: [], folder: [], socket: [], device: [] };
  for (let fd = 0; fd < 4096; fd++) {
    let stat;
    try { stat = fs.fstatSync(fd) } catch { continue }
    if (stat.isFile()) kinds.file.push(fd);
    if (stat.isDirectory()) kinds.folder.push(fd);
    if (stat.isSocket()) kinds.socket.push(fd);
    if (stat.isCharacterDevice()) kinds.device.push(stat.rdev);
  }
  return { env: { ...process.env }, argv: process.argv, cwd: process.cwd(), uid: process.getuid(), groups: process.getgroups(), ...kinds };`;
