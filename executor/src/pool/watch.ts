import type { Gauge, Probe, Sample } from "./probe.ts";

/** What one run may use of its worker process. */
export interface WatchLimits {
  readonly cpuMs: number;
  readonly residentBytes: number;
}

/** What a watched process has used since it was watched. */
export interface Used {
  readonly cpuMs: number;
  readonly peakResidentBytes: number;
  readonly lastResidentBytes: number;
}

/** Which limit a process went over. */
export type Excess = "cpu" | "resident";

/** Looks at every process with an open run, on one timer that runs only while there is one. */
export class Watch {
  readonly #probe: Probe;
  readonly #watched = new Set<Watched>();
  #timer: NodeJS.Timeout | undefined;
  #refreshing = false;

  constructor(probe: Probe) {
    this.#probe = probe;
  }

  /** `over` is told once, and the watching goes on until `stop`. */
  start(gauge: Gauge, limits: WatchLimits, over: (excess: Excess) => void): Watched {
    const watched = new Watched(gauge, limits, over, () => this.#forget(watched));
    this.#watched.add(watched);
    this.#timer ??= setInterval(() => void this.#look(), this.#probe.everyMs);
    return watched;
  }

  async #look(): Promise<void> {
    if (this.#probe.refresh) {
      if (this.#refreshing) return; // a slow look must not pile up
      this.#refreshing = true;
      await this.#probe.refresh([...this.#watched].map((watched) => watched.gauge.pid));
      this.#refreshing = false;
    }
    for (const watched of this.#watched) watched.look();
  }

  #forget(watched: Watched): void {
    this.#watched.delete(watched);
    if (this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** One process under watch. */
export class Watched {
  readonly gauge: Gauge;
  readonly limits: WatchLimits;
  readonly #over: (excess: Excess) => void;
  readonly #forget: () => void;
  #first: Sample | undefined;
  #last: Sample | undefined;
  #peakResidentBytes = 0;
  #told = false;
  #stopped = false;

  constructor(gauge: Gauge, limits: WatchLimits, over: (excess: Excess) => void, forget: () => void) {
    this.gauge = gauge;
    this.limits = limits;
    this.#over = over;
    this.#forget = forget;
    this.#first = gauge.sample();
    this.#last = this.#first;
  }

  look(): void {
    this.used();
    if (this.#told) return;
    const { cpuMs, lastResidentBytes } = this.#used();
    const excess =
      cpuMs > this.limits.cpuMs ? "cpu" : lastResidentBytes > this.limits.residentBytes ? "resident" : undefined;
    if (!excess) return;
    this.#told = true;
    this.#over(excess);
  }

  /** Looks once more, unless it has stopped: what was used up to now. */
  used(): Used {
    const sample = this.#stopped ? undefined : this.gauge.sample();
    if (sample) {
      this.#first ??= sample;
      this.#last = sample;
      this.#peakResidentBytes = Math.max(this.#peakResidentBytes, sample.residentBytes);
    }
    return this.#used();
  }

  /** CPU time of the process since it started, for its recycling. */
  get totalCpuMs(): number {
    return this.#last?.cpuMs ?? 0;
  }

  stop(): void {
    this.#stopped = true;
    this.#forget();
  }

  #used(): Used {
    return {
      cpuMs: (this.#last?.cpuMs ?? 0) - (this.#first?.cpuMs ?? 0),
      peakResidentBytes: this.#peakResidentBytes,
      lastResidentBytes: this.#last?.residentBytes ?? 0,
    };
  }
}
