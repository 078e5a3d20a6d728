/** Requests that arrive in one turn of the event loop, taken up together. */

/**
 * node:http reads each socket in a callback of its own, and its promises are settled before the next socket is read: operations of
 * a turn's requests would each be a batch of the engine. Whoever waits here goes on when all sockets of the turn have been read.
 */
export class Turn {
  #end: Promise<void> | undefined;

  /** Resolves at the end of this turn, before the event loop waits again; for everybody at once. */
  end(): Promise<void> {
    this.#end ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#end = undefined;
        resolve();
      });
    });
    return this.#end;
  }
}
