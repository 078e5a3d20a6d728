/**
 * The numbers of RSA keys, read from and written as RSAPublicKey and RSAPrivateKey (RFC 8017 section A.1) inside SPKI and PKCS#8, in
 * strict DER. Numbers lie in one place, since one key is read or written at a time; whoever reads them wipes them.
 */
import { readNatural, WORD_BYTES, writeNatural } from './bignum';
import { MAX_PUBLIC_KEY_BYTES, STATUS_MALFORMED_RECORD } from './contract';
import {
  DER_SEQUENCE,
  DerReader,
  DerWriter,
  Pkcs8,
  prependPkcs8,
  readPkcs8,
  readSpki,
  spkiKeyBytes,
  writeSpki,
} from './key_format';
import { wipe } from './memory';
import { NUMBER_BYTES, numberOf, PRIVATE_NUMBERS, PUBLIC_NUMBERS } from './rsa_check';

/** AlgorithmIdentifier: rsaEncryption with NULL parameters (RFC 8017 section A.1); id-RSASSA-PSS keys are not accepted. */
// biome-ignore format: bytes
const IDENTIFIER = memory.data<u8>([
  0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
]);
const IDENTIFIER_BYTES: usize = 15;

const MAXIMUM_MODULUS_BYTES: usize = 512;

/** Where the numbers are that were read or are to be written: see rsa_check.ts for their order. */
export const numbers = memory.data(<i32>(PRIVATE_NUMBERS * NUMBER_BYTES), 16);
const magnitude = memory.data(<i32>MAXIMUM_MODULUS_BYTES, 16);
const body = memory.data(<i32>MAX_PUBLIC_KEY_BYTES, 16);

const reader = changetype<DerReader>(memory.data(<i32>offsetof<DerReader>(), 16));
const writer = changetype<DerWriter>(memory.data(<i32>offsetof<DerWriter>(), 16));
const pkcs8 = changetype<Pkcs8>(memory.data(<i32>offsetof<Pkcs8>(), 16));

export function wipeNumbers(): void {
  wipe(numbers, PRIVATE_NUMBERS * NUMBER_BYTES);
}

/** The next `count` numbers, which must end the run; none may be longer than the modulus. */
function readNumbers(count: usize, modulusBytes: usize): bool {
  wipeNumbers();
  for (let i: usize = 0; i < count; i++) {
    if (!reader.readUnsigned() || reader.contentBytes > modulusBytes) return false;
    readNatural(numberOf(numbers, i), NUMBER_BYTES / WORD_BYTES, reader.content, reader.contentBytes);
  }
  return reader.isAtEnd();
}

/** Reads the numbers of an RSAPrivateKey of two primes inside PKCS#8; says nothing of what they are. */
export function readPrivateNumbers(data: usize, bytes: usize, modulusBytes: usize): bool {
  if (!readPkcs8(data, bytes, IDENTIFIER, IDENTIFIER_BYTES, pkcs8) || pkcs8.publicKey) return false;
  reader.start(pkcs8.privateKey, pkcs8.privateKeyBytes);
  // Version 0: two primes.
  return reader.enterLast(DER_SEQUENCE) && reader.readVersion(0) && readNumbers(PRIVATE_NUMBERS, modulusBytes);
}

/** Reads the numbers of an RSAPublicKey inside an SPKI. */
export function readPublicNumbers(data: usize, bytes: usize, modulusBytes: usize): bool {
  const key = readSpki(data, bytes, IDENTIFIER, IDENTIFIER_BYTES);
  if (!key) return false;
  reader.start(key, spkiKeyBytes());
  return reader.enterLast(DER_SEQUENCE) && readNumbers(PUBLIC_NUMBERS, modulusBytes);
}

/** Prepends the first `count` numbers, last first. */
function prependNumbers(count: usize, modulusBytes: usize): void {
  for (let i = count; i > 0; i--) {
    writeNatural(magnitude, modulusBytes, numberOf(numbers, i - 1));
    writer.prependUnsigned(magnitude, modulusBytes);
  }
  wipe(magnitude, modulusBytes);
}

/** Writes the numbers as PKCS#8: its length, or minus MALFORMED_RECORD where the output is too small. */
export function writePrivateNumbers(output: usize, capacityBytes: usize, modulusBytes: usize): i32 {
  writer.start(output, capacityBytes);
  prependNumbers(PRIVATE_NUMBERS, modulusBytes);
  writer.prependVersion(0);
  writer.prependHeader(DER_SEQUENCE, 0);
  prependPkcs8(writer, IDENTIFIER, IDENTIFIER_BYTES, 0);
  return writer.finish();
}

/** Writes n and e as SPKI, likewise. */
export function writePublicNumbers(output: usize, capacityBytes: usize, modulusBytes: usize): i32 {
  writer.start(body, MAX_PUBLIC_KEY_BYTES);
  prependNumbers(PUBLIC_NUMBERS, modulusBytes);
  writer.prependHeader(DER_SEQUENCE, 0);
  const bytes = writer.finish();
  if (bytes < 0) return -(<i32>STATUS_MALFORMED_RECORD);
  return writeSpki(IDENTIFIER, IDENTIFIER_BYTES, body, bytes, output, capacityBytes);
}
