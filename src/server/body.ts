/** Request bodies as bytes, bounded each and all together. */
import type { IncomingMessage } from 'node:http';
import { KmsError } from '../kms/index.ts';

/** What all bodies that are being read or worked on may hold together: a batch is large, and anybody may begin to send one. */
const MAX_HELD_BYTES = 256 * 1024 * 1024;

export class Bodies {
  #heldBytes = 0;

  /**
   * The body, as soon as all of it is there; `release` gives its bytes back to the common limit.
   * @throws KmsError RequestEntityTooLargeException as soon as `maxBytes` is passed, ServiceUnavailableException where all bodies
   *   together hold too much, the rest unread; an Error where the client goes away
   */
  read(request: IncomingMessage, maxBytes: number): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      const settle = () => request.off('data', take).off('error', refuse).off('end', finish);
      const refuse = (error: Error) => {
        settle();
        // Without a listener an error that comes later would end the process.
        request.on('error', () => {}).resume();
        this.release(bytes);
        reject(error);
      };
      const take = (chunk: Uint8Array) => {
        bytes += chunk.length;
        this.#heldBytes += chunk.length;
        if (bytes > maxBytes) refuse(tooLarge(maxBytes));
        else if (this.#heldBytes > MAX_HELD_BYTES) refuse(new KmsError('ServiceUnavailableException'));
        else chunks.push(chunk);
      };
      const finish = () => {
        settle();
        request.on('error', () => {});
        resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, bytes));
      };
      request.on('data', take).on('error', refuse).on('end', finish);
    });
  }

  release(bytes: number): void {
    this.#heldBytes -= bytes;
  }
}

function tooLarge(maxBytes: number): KmsError {
  return new KmsError('RequestEntityTooLargeException', `The request body must have at most ${maxBytes} bytes.`);
}
