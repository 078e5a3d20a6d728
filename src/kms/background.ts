/** Work that repeats while the service is open and never keeps the process alive. */
export class Background {
  readonly #name: string;
  readonly #work: () => Promise<void>;
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;

  /** `name` says in warnings what failed; a failure is tried again at the next turn. */
  constructor(name: string, intervalMs: number, work: () => Promise<void>) {
    this.#name = name;
    this.#intervalMs = intervalMs;
    this.#work = work;
  }

  start(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.now()
        .catch((error: Error) => process.emitWarning(`keymill: ${this.#name} failed: ${error.message}`))
        .finally(() => this.start());
    }, this.#intervalMs);
    this.#timer.unref();
  }

  /** Does the work now; where it is being done already, waits for that and does it once more. */
  async now(): Promise<void> {
    while (this.#running !== undefined) await this.#running.catch(() => {});
    if (this.#stopped) return;
    this.#running = this.#work().finally(() => {
      this.#running = undefined;
    });
    await this.#running;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running?.catch(() => {});
  }
}
