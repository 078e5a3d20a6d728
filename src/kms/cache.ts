/** A map that forgets what was used longest ago. */
export class RecentlyUsed<Value> {
  readonly #capacity: number;
  readonly #forgotten: (value: Value) => void;
  /** In order of use: a Map keeps the order of insertion. */
  readonly #entries = new Map<string, Value>();
  #newest: string | undefined;

  /** `forgotten` gets every value that leaves: pushed out, replaced or deleted. */
  constructor(capacity: number, forgotten: (value: Value) => void = () => {}) {
    this.#capacity = capacity;
    this.#forgotten = forgotten;
  }

  get(name: string): Value | undefined {
    const value = this.#entries.get(name);
    if (value !== undefined && name !== this.#newest) {
      this.#entries.delete(name);
      this.#entries.set(name, value);
      this.#newest = name;
    }
    return value;
  }

  set(name: string, value: Value): void {
    this.delete(name);
    this.#entries.set(name, value);
    this.#newest = name;
    if (this.#entries.size > this.#capacity) this.delete(this.#entries.keys().next().value!);
  }

  delete(name: string): void {
    const value = this.#entries.get(name);
    if (value === undefined) return;
    this.#entries.delete(name);
    this.#forgotten(value);
  }

  clear(): void {
    for (const name of [...this.#entries.keys()]) this.delete(name);
  }
}
