/** What operations work with. */
import type { Engine } from '../engine/index.ts';
import { RootKeyReplacedError, type Store } from '../store/index.ts';
import type { Realm } from './address.ts';
import { KmsError } from './errors.ts';
import type { Keyring } from './keyring.ts';
import type { Root } from './root.ts';

/** Counts what is under way, and refuses more once it is told to stop. */
export class Activity {
  #running = 0;
  #refusal: KmsError | undefined;
  #idle: (() => void) | undefined;

  /** @throws KmsError after `refuse` and `stop` */
  begin(): void {
    if (this.#refusal !== undefined) throw this.#refusal;
    this.#running++;
  }

  get isRefused(): boolean {
    return this.#refusal !== undefined;
  }

  end(): void {
    if (--this.#running === 0) this.#idle?.();
  }

  /** Refuses what begins from now on, for this reason. */
  refuse(reason: KmsError): void {
    this.#refusal = reason;
  }

  /** Refuses what begins from now on; resolves when what began before has ended. */
  stop(): Promise<void> {
    this.refuse(new KmsError('KeyUnavailableException', 'This keymill is closed.'));
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle = resolve;
    });
  }
}

/** Limits of AWS that a service may be told to widen, for keys that come from other clouds. Both ends included. */
export interface Ranges {
  /** AWS: 7 to 30. */
  readonly pendingWindowInDays: readonly [min: number, max: number];
  /** AWS: 90 to 2,560. */
  readonly rotationPeriodInDays: readonly [min: number, max: number];
}

export const AWS_RANGES: Ranges = { pendingWindowInDays: [7, 30], rotationPeriodInDays: [90, 2560] };

export interface Service {
  readonly engine: Engine;
  readonly store: Store;
  readonly root: Root;
  readonly keyring: Keyring;
  readonly realm: Realm;
  readonly ranges: Ranges;
  /** Operations under way, which close waits for. */
  readonly activity: Activity;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Learns now what others changed in the store, its root key included. */
  readonly catchUp: () => Promise<void>;
  /** Random bytes for ids; key material never comes from here. */
  readonly random: (bytes: number) => Promise<Uint8Array>;
}

/** Does `work` once more where the root key was replaced while it was under way: nothing had been written then. */
export async function underRoot<Value>({ catchUp }: Service, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RootKeyReplacedError)) throw error;
    await catchUp();
    return work();
  }
}
