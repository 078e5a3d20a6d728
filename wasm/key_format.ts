/**
 * PKCS#8 (RFC 5958) and SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) in strict DER (X.690), read and written for all asymmetric
 * keys. Knows no key type: the AlgorithmIdentifier is compared as bytes, so that explicit curve parameters, other object
 * identifiers and absent or surplus parameters can never match.
 *
 * Readers and writers are layouts over memory the stem sets aside once: `changetype<DerReader>(memory.data(<i32>offsetof<DerReader>(), 16))`.
 */
import { STATUS_MALFORMED_RECORD } from './contract';
import { isEqual, wipe } from './memory';

// Universal and context tags that occur in keys (X.690 section 8.1.2).
export const DER_INTEGER: u8 = 0x02;
export const DER_BIT_STRING: u8 = 0x03;
export const DER_OCTET_STRING: u8 = 0x04;
export const DER_SEQUENCE: u8 = 0x30;
/** [0] and [1], constructed. */
export const DER_CONTEXT_0: u8 = 0xa0;
export const DER_CONTEXT_1: u8 = 0xa1;
/** [1] IMPLICIT of a primitive type. */
export const DER_IMPLICIT_1: u8 = 0x81;

/** Lengths from here on take more than one byte (X.690 section 8.1.3). */
const LONG_LENGTH: usize = 0x80;

/**
 * Reads a run of DER values, one after another. Every function that reads returns whether the next value is what it says, in DER;
 * where it is not, the reader must not be used further. What was read is `content`, `contentBytes`: a view, not a copy.
 */
@unmanaged
export class DerReader {
  private rest: usize;
  private end: usize;
  content: usize;
  contentBytes: usize;

  start(data: usize, bytes: usize): void {
    this.rest = data;
    this.end = data + bytes;
    this.content = data;
    this.contentBytes = 0;
  }

  isAtEnd(): bool {
    return this.rest == this.end;
  }

  nextIs(tag: u8): bool {
    return this.rest < this.end && load<u8>(this.rest) == tag;
  }

  /** The content of the next value, which must have this tag and a definite length in the fewest bytes. */
  read(tag: u8): bool {
    if (this.end - this.rest < 2 || load<u8>(this.rest) != tag) return false;
    let header: usize = 2;
    let bytes: usize = load<u8>(this.rest, 1);
    if (bytes >= LONG_LENGTH) {
      // X.690 sections 8.1.3.6 and 10.1: no indefinite lengths, no longer form than needed. Two bytes hold any key's length.
      const lengthBytes = bytes & 0x7f;
      if (lengthBytes < 1 || lengthBytes > 2 || this.end - this.rest < 2 + lengthBytes) return false;
      header += lengthBytes;
      bytes = load<u8>(this.rest, 2);
      if (lengthBytes == 2) bytes = (bytes << 8) | load<u8>(this.rest, 3);
      if (bytes < (lengthBytes == 1 ? LONG_LENGTH : 0x100)) return false;
    }
    if (this.end - this.rest - header < bytes) return false;
    this.content = this.rest + header;
    this.contentBytes = bytes;
    this.rest += header + bytes;
    return true;
  }

  /** The next value, whose content is read next and must be read to its end: the only value left, such as an outer SEQUENCE. */
  enterLast(tag: u8): bool {
    if (!this.read(tag) || !this.isAtEnd()) return false;
    this.start(this.content, this.contentBytes);
    return true;
  }

  /** The next value whole, header included. */
  readWhole(tag: u8): bool {
    const first = this.rest;
    if (!this.read(tag)) return false;
    this.content = first;
    this.contentBytes = this.rest - first;
    return true;
  }

  /** The next value whole, which must be these very bytes. */
  readExactly(tag: u8, expected: usize, expectedBytes: usize): bool {
    return this.readWhole(tag) && this.contentBytes == expectedBytes && isEqual(this.content, expected, expectedBytes);
  }

  /** An INTEGER that is not negative, in the fewest bytes; without the zero byte that keeps it from being negative. */
  readUnsigned(): bool {
    if (!this.read(DER_INTEGER) || !this.contentBytes) return false;
    const first = load<u8>(this.content);
    if (first & 0x80) return false;
    if (this.contentBytes > 1 && !first) {
      if (!(load<u8>(this.content, 1) & 0x80)) return false;
      this.content++;
      this.contentBytes--;
    }
    return true;
  }

  /** An INTEGER of exactly this small value. */
  readVersion(version: u8): bool {
    return this.read(DER_INTEGER) && this.contentBytes == 1 && load<u8>(this.content) == version;
  }

  /** A BIT STRING (or its implicitly tagged form) of whole bytes. */
  readBitString(tag: u8): bool {
    // The first byte counts the unused bits of the last one.
    if (!this.read(tag) || !this.contentBytes || load<u8>(this.content)) return false;
    this.content++;
    this.contentBytes--;
    return true;
  }
}

/** Writes DER from the end of a buffer towards its beginning, so that lengths are known when their headers come. */
@unmanaged
export class DerWriter {
  private buffer: usize;
  private bufferBytes: usize;
  private free: usize;
  private isOverflowing: bool;

  start(buffer: usize, bufferBytes: usize): void {
    this.buffer = buffer;
    this.bufferBytes = bufferBytes;
    this.free = bufferBytes;
    this.isOverflowing = false;
  }

  /** Bytes written so far; taken before a value's content is prepended, it is what `prependHeader` wants. */
  written(): usize {
    return this.bufferBytes - this.free;
  }

  prepend(data: usize, bytes: usize): void {
    if (this.isOverflowing || bytes > this.free) {
      this.isOverflowing = true;
      return;
    }
    this.free -= bytes;
    memory.copy(this.buffer + this.free, data, bytes);
  }

  prependByte(byte: u8): void {
    if (this.isOverflowing || !this.free) {
      this.isOverflowing = true;
      return;
    }
    this.free--;
    store<u8>(this.buffer + this.free, byte);
  }

  /** Header of a value whose content is everything written since `mark`. */
  prependHeader(tag: u8, mark: usize): void {
    let bytes = this.written() - mark;
    if (bytes < LONG_LENGTH) {
      this.prependByte(<u8>bytes);
    } else {
      let lengthBytes: u8 = 0;
      for (; bytes; bytes >>= 8) {
        this.prependByte(<u8>bytes);
        lengthBytes++;
      }
      this.prependByte(<u8>LONG_LENGTH | lengthBytes);
    }
    this.prependByte(tag);
  }

  /** An INTEGER from a big-endian magnitude, leading zeros allowed; their number shows, as it does in the result's length. */
  prependUnsigned(magnitude: usize, bytes: usize): void {
    const mark = this.written();
    while (bytes > 1 && !load<u8>(magnitude)) {
      magnitude++;
      bytes--;
    }
    this.prepend(magnitude, bytes);
    if (!bytes || load<u8>(magnitude) & 0x80) this.prependByte(0);
    this.prependHeader(DER_INTEGER, mark);
  }

  /** An INTEGER of a value below 128. */
  prependVersion(version: u8): void {
    const mark = this.written();
    this.prependByte(version);
    this.prependHeader(DER_INTEGER, mark);
  }

  prependBitString(tag: u8, data: usize, bytes: usize): void {
    const mark = this.written();
    this.prepend(data, bytes);
    this.prependByte(0);
    this.prependHeader(tag, mark);
  }

  /** Moves what was written to the start of the buffer: its length, or minus MALFORMED_RECORD where the buffer was too small. */
  finish(): i32 {
    if (this.isOverflowing) {
      wipe(this.buffer, this.bufferBytes);
      return -(<i32>STATUS_MALFORMED_RECORD);
    }
    const bytes = this.written();
    memory.copy(this.buffer, this.buffer + this.free, bytes);
    // The content may be secret: nothing of it stays past what is reported.
    wipe(this.buffer + bytes, this.bufferBytes - bytes);
    return <i32>bytes;
  }
}

/** A PKCS#8 structure taken apart; views into what was read. */
@unmanaged
export class Pkcs8 {
  /** Content of the privateKey OCTET STRING. */
  privateKey: usize;
  privateKeyBytes: usize;
  /** Version 2 (RFC 5958) only; 0: none. */
  publicKey: usize;
  publicKeyBytes: usize;
}

const reader = changetype<DerReader>(memory.data(<i32>offsetof<DerReader>(), 16));
const writer = changetype<DerWriter>(memory.data(<i32>offsetof<DerWriter>(), 16));

/** `algorithm` is the whole AlgorithmIdentifier in DER. Attributes are passed over. Trailing bytes are refused. */
export function readPkcs8(der: usize, bytes: usize, algorithm: usize, algorithmBytes: usize, out: Pkcs8): bool {
  reader.start(der, bytes);
  if (!reader.enterLast(DER_SEQUENCE)) return false;
  if (!reader.read(DER_INTEGER) || reader.contentBytes != 1) return false;
  const version = load<u8>(reader.content);
  if (version > 1 || !reader.readExactly(DER_SEQUENCE, algorithm, algorithmBytes)) return false;
  if (!reader.read(DER_OCTET_STRING)) return false;
  out.privateKey = reader.content;
  out.privateKeyBytes = reader.contentBytes;
  // Attributes say nothing about the key itself; Windows writes its key usage there.
  if (reader.nextIs(DER_CONTEXT_0) && !reader.read(DER_CONTEXT_0)) return false;
  const hasPublicKey = reader.nextIs(DER_IMPLICIT_1);
  if (hasPublicKey && !reader.readBitString(DER_IMPLICIT_1)) return false;
  out.publicKey = hasPublicKey ? reader.content : 0;
  out.publicKeyBytes = hasPublicKey ? reader.contentBytes : 0;
  // RFC 5958 section 2: version 2, written as 1, exactly where a public key is present.
  return reader.isAtEnd() && hasPublicKey == (version == 1);
}

/** Address of the public key in an SPKI, whose length is then `spkiKeyBytes()`; 0 where it is not an SPKI of that algorithm. */
export function readSpki(der: usize, bytes: usize, algorithm: usize, algorithmBytes: usize): usize {
  reader.start(der, bytes);
  const isSpki =
    reader.enterLast(DER_SEQUENCE) &&
    reader.readExactly(DER_SEQUENCE, algorithm, algorithmBytes) &&
    reader.readBitString(DER_BIT_STRING) &&
    reader.isAtEnd();
  return isSpki ? reader.content : 0;
}

/** Length of the public key that `readSpki` just found. */
export function spkiKeyBytes(): usize {
  return reader.contentBytes;
}

/** Closes what `writer` holds since `mark` into a version 1 PKCS#8 structure whose privateKey content it is. */
export function prependPkcs8(writer: DerWriter, algorithm: usize, algorithmBytes: usize, mark: usize): void {
  writer.prependHeader(DER_OCTET_STRING, mark);
  writer.prepend(algorithm, algorithmBytes);
  writer.prependVersion(0);
  writer.prependHeader(DER_SEQUENCE, mark);
}

/** Writes an SPKI: its length, or minus MALFORMED_RECORD where `output` is too small. */
export function writeSpki(
  algorithm: usize,
  algorithmBytes: usize,
  publicKey: usize,
  publicKeyBytes: usize,
  output: usize,
  capacityBytes: usize,
): i32 {
  writer.start(output, capacityBytes);
  writer.prependBitString(DER_BIT_STRING, publicKey, publicKeyBytes);
  writer.prepend(algorithm, algorithmBytes);
  writer.prependHeader(DER_SEQUENCE, 0);
  return writer.finish();
}
