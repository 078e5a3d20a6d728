// PKCS#8 (RFC 5958) and SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) in strict DER (X.690), read and written for all
// asymmetric keys. Knows no key type: the AlgorithmIdentifier is compared as bytes, so that explicit curve parameters,
// other object identifiers and absent or surplus parameters can never match.
#pragma once
#include "bytes.h"

namespace keymill {

/** Universal and context tags that occur in keys (X.690 section 8.1.2). */
enum DerTag : uint8_t {
  kDerInteger = 0x02,
  kDerBitString = 0x03,
  kDerOctetString = 0x04,
  kDerSequence = 0x30,
  /** [0] and [1], constructed. */
  kDerContext0 = 0xa0,
  kDerContext1 = 0xa1,
  /** [1] IMPLICIT of a primitive type. */
  kDerImplicit1 = 0x81,
};

/** Reads a run of DER values. Every function returns false, with the outputs unspecified, on anything that is not DER.
 */
class DerReader {
 public:
  explicit DerReader(Bytes rest) : rest_(rest) {}

  bool at_end() const { return rest_.size == 0; }
  bool next_is(uint8_t tag) const { return rest_.size > 0 && rest_.data[0] == tag; }
  /** The content of the next value, which must have this tag and a definite length in the fewest bytes. */
  bool read(uint8_t tag, Bytes* content);
  /** The next value whole, header included. */
  bool read_whole(uint8_t tag, Bytes* value);
  /** An INTEGER that is not negative, in the fewest bytes; without the zero byte that keeps it from being negative. */
  bool read_unsigned(Bytes* magnitude);
  /** An INTEGER of exactly this small value. */
  bool read_version(uint8_t value);
  /** A BIT STRING (or its implicitly tagged form) of whole bytes. */
  bool read_bit_string(uint8_t tag, Bytes* bytes);

 private:
  Bytes rest_;
};

/** Writes DER from the end of a buffer towards its beginning, so that lengths are known when their headers come. */
class DerWriter {
 public:
  explicit DerWriter(MutableBytes buffer) : buffer_(buffer), free_(buffer.size) {}

  /** Bytes written so far; taken before a value's content is prepended, it is what `prepend_header` wants. */
  size_t written() const { return buffer_.size - free_; }
  void prepend(Bytes bytes);
  void prepend_byte(uint8_t byte) { prepend({&byte, 1}); }
  /** Header of a value whose content is everything written since `mark`. */
  void prepend_header(uint8_t tag, size_t mark);
  /** An INTEGER from a big-endian magnitude, leading zeros allowed. */
  void prepend_unsigned(Bytes magnitude);
  void prepend_bit_string(uint8_t tag, Bytes bytes);
  /** Moves what was written to the start of the buffer; false where the buffer was too small. */
  bool finish(size_t* written);

 private:
  MutableBytes buffer_;
  size_t free_;
  bool overflow_ = false;
};

/** A PKCS#8 structure taken apart; views into what was read. */
struct Pkcs8 {
  /** Content of the privateKey OCTET STRING. */
  Bytes private_key;
  /** Version 2 (RFC 5958) only. */
  bool has_public_key = false;
  Bytes public_key;
};

/** `algorithm` is the whole AlgorithmIdentifier in DER. Attributes are passed over. Trailing bytes are refused. */
bool read_pkcs8(Bytes der, Bytes algorithm, Pkcs8* out);
bool read_spki(Bytes der, Bytes algorithm, Bytes* public_key);

/** Closes what `writer` holds since `mark` into a version 1 PKCS#8 structure whose privateKey content it is. */
void prepend_pkcs8(DerWriter& writer, Bytes algorithm, size_t mark);
/** Writes an SPKI; false where `out` is too small. */
bool write_spki(Bytes algorithm, Bytes public_key, MutableBytes out, size_t* written);

}  // namespace keymill
