import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { ChildExecutor } from "../executor-fixture.ts";
import type { Dice } from "./dice.ts";

/**
 * One address, behind which executors come and go: a proxy, so that the address stays and connections can be cut.
 */
export class Site implements AsyncDisposable {
  readonly #key: string;
  readonly #env: Record<string, string>;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #ended: Promise<void>[] = [];
  #executor: ChildExecutor | undefined;

  private constructor(key: string, env: Record<string, string>) {
    this.#key = key;
    this.#env = env;
    this.#server = createServer((socket) => this.#forward(socket));
  }

  static async open(key: string, env: Record<string, string> = {}): Promise<Site> {
    const site = new Site(key, env);
    site.#server.listen(0, "127.0.0.1");
    await Promise.all([once(site.#server, "listening"), site.#start()]);
    return site;
  }

  get url(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** True while an executor is there. */
  get isUp(): boolean {
    return this.#executor !== undefined;
  }

  /** The executor is lost, and another takes its place. */
  async kill(): Promise<void> {
    this.#executor?.child.kill("SIGKILL");
    await this.#replace();
  }

  /** The executor shuts down in good order, and another takes its place. */
  async drain(): Promise<void> {
    this.#executor?.child.kill("SIGTERM");
    await this.#replace(); // those that are there go on until they have drained
  }

  killWorker(dice: Dice): void {
    const { workers = [] } = this.#executor ?? {};
    const pid = dice.one(workers);
    if (!pid) return;
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It was quicker.
    }
  }

  /** Cuts every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    this.cut();
    await this.#executor?.[Symbol.asyncDispose]();
    await Promise.all(this.#ended);
  }

  async #start(): Promise<void> {
    this.#executor = await ChildExecutor.start(this.#env, this.#key);
  }

  async #replace(): Promise<void> {
    const executor = this.#executor;
    if (!executor) return;
    this.#executor = undefined;
    await executor.exited;
    this.#ended.push(executor[Symbol.asyncDispose]());
    await this.#start();
  }

  #forward(socket: Socket): void {
    const path = this.#executor?.address.slice("unix:".length);
    if (path === undefined) return void socket.destroy();
    const inner = connect(path);
    for (const [one, other] of [
      [socket, inner],
      [inner, socket],
    ] as const) {
      this.#sockets.add(one);
      one.on("error", () => {}); // "close" follows
      one.once("close", () => {
        this.#sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }
}
