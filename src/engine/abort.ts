/** Many operations may share one AbortSignal; it gets one listener all the same, so that runtimes see no leak where there is none. */
export class AbortListeners {
  readonly #listeners = new WeakMap<AbortSignal, { callbacks: Set<() => void>; notify: () => void }>();

  /** Calls `onAbort` when the signal aborts. The function returned takes that back, and lets go of the signal with the last one. */
  add(signal: AbortSignal, onAbort: () => void): () => void {
    const listener = this.#listeners.get(signal) ?? this.#listen(signal);
    // Its own identity, should one callback be added twice.
    const callback = (): void => onAbort();
    listener.callbacks.add(callback);
    return () => {
      listener.callbacks.delete(callback);
      if (listener.callbacks.size === 0 && this.#listeners.get(signal) === listener) {
        this.#listeners.delete(signal);
        signal.removeEventListener('abort', listener.notify);
      }
    };
  }

  #listen(signal: AbortSignal) {
    const callbacks = new Set<() => void>();
    const notify = (): void => {
      this.#listeners.delete(signal);
      for (const callback of callbacks) callback();
    };
    const listener = { callbacks, notify };
    this.#listeners.set(signal, listener);
    signal.addEventListener('abort', notify, { once: true });
    return listener;
  }
}
