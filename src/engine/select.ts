/**
 * Which backend runs: the option, else KEYMILL_BACKEND, else native, else WASM. A native backend that is absent is passed over in
 * silence; one that is there and does not load or fails a self-test is passed over too, and `engine.info.fallbackReason` says why.
 */
import type { Backend, BackendOptions } from './backend.ts';
import { argumentError, EngineError } from './errors.ts';

/** A backend by name. */
export type BackendName = 'native' | 'wasm';
/** Which backend to run: by name, or `auto`, native where it loads and WASM where not. */
export type BackendChoice = 'auto' | BackendName;

/** How to open each backend; given by the caller so that a test can put a broken one in its place. */
export type BackendOpeners = Readonly<Record<BackendName, (options: BackendOptions) => Backend>>;

export interface SelectedBackend {
  readonly backend: Backend;
  /** Why a native backend that is present is not the one that runs. */
  readonly fallbackReason?: string;
}

const CHOICES: readonly string[] = ['auto', 'native', 'wasm'] satisfies BackendChoice[];

/**
 * Opens the backend of the choice.
 * @throws {EngineError} BACKEND_UNAVAILABLE, with the cause, where a backend that was asked for by name (or the last one) does not open.
 */
export function selectBackend(
  choice: BackendChoice | undefined,
  environmentChoice: string | undefined,
  options: BackendOptions,
  openers: BackendOpeners,
): SelectedBackend {
  const chosen = choice ?? (environmentChoice || 'auto');
  if (!CHOICES.includes(chosen)) {
    throw argumentError(
      choice === undefined ? 'KEYMILL_BACKEND' : 'backend',
      `one of ${CHOICES.join(', ')}`,
      String(chosen),
    );
  }
  let fallbackReason: string | undefined;
  if (chosen !== 'wasm') {
    try {
      return { backend: openers.native(options) };
    } catch (cause) {
      if (cause instanceof EngineError) throw cause;
      if (chosen === 'native') {
        throw new EngineError('BACKEND_UNAVAILABLE', `the native backend does not load: ${messageOf(cause)}`, {
          cause,
        });
      }
      if ((cause as { code?: unknown }).code !== 'NATIVE_ABSENT') fallbackReason = messageOf(cause);
    }
  }
  try {
    return { backend: openers.wasm(options), ...(fallbackReason === undefined ? {} : { fallbackReason }) };
  } catch (cause) {
    if (cause instanceof EngineError) throw cause;
    throw new EngineError(
      'BACKEND_UNAVAILABLE',
      `no backend loads: ${fallbackReason ?? ''} ${messageOf(cause)}`.trim(),
      { cause },
    );
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
