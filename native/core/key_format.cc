#include "key_format.h"

namespace keymill {

namespace {

bool equal(Bytes a, Bytes b) { return a.size == b.size && (a.size == 0 || std::memcmp(a.data, b.data, a.size) == 0); }

}  // namespace

bool DerReader::read_whole(uint8_t tag, Bytes* value) {
  if (rest_.size < 2 || rest_.data[0] != tag) return false;
  size_t header = 2;
  size_t content = rest_.data[1];
  if (content >= 0x80) {
    // X.690 sections 8.1.3.6 and 10.1: no indefinite lengths, no longer form than needed. Two bytes hold any key's
    // length.
    const size_t length_bytes = content & 0x7f;
    if (length_bytes < 1 || length_bytes > 2 || rest_.size < 2 + length_bytes) return false;
    header += length_bytes;
    content = 0;
    for (size_t i = 2; i < header; i++) content = content << 8 | rest_.data[i];
    if (content < (length_bytes == 1 ? 0x80u : 0x100u)) return false;
  }
  if (rest_.size - header < content) return false;
  *value = {rest_.data, header + content};
  rest_ = {rest_.data + value->size, rest_.size - value->size};
  return true;
}

bool DerReader::read(uint8_t tag, Bytes* content) {
  Bytes value;
  if (!read_whole(tag, &value)) return false;
  const size_t header = value.data[1] < 0x80 ? 2 : 2 + (value.data[1] & 0x7f);
  *content = {value.data + header, value.size - header};
  return true;
}

bool DerReader::read_unsigned(Bytes* magnitude) {
  Bytes content;
  if (!read(kDerInteger, &content) || content.size == 0 || (content.data[0] & 0x80)) return false;
  if (content.size > 1 && content.data[0] == 0) {
    if (!(content.data[1] & 0x80)) return false;
    content = {content.data + 1, content.size - 1};
  }
  *magnitude = content;
  return true;
}

bool DerReader::read_version(uint8_t value) {
  Bytes content;
  return read(kDerInteger, &content) && content.size == 1 && content.data[0] == value;
}

bool DerReader::read_bit_string(uint8_t tag, Bytes* bytes) {
  Bytes content;
  // The first byte counts the unused bits of the last one.
  if (!read(tag, &content) || content.size < 1 || content.data[0] != 0) return false;
  *bytes = {content.data + 1, content.size - 1};
  return true;
}

void DerWriter::prepend(Bytes bytes) {
  if (overflow_ || bytes.size > free_) {
    overflow_ = true;
    return;
  }
  free_ -= bytes.size;
  if (bytes.size > 0) std::memcpy(buffer_.data + free_, bytes.data, bytes.size);
}

void DerWriter::prepend_header(uint8_t tag, size_t mark) {
  size_t content = written() - mark;
  if (content < 0x80) {
    prepend_byte(static_cast<uint8_t>(content));
  } else {
    uint8_t length_bytes = 0;
    for (; content > 0; content >>= 8, length_bytes++) prepend_byte(static_cast<uint8_t>(content));
    prepend_byte(0x80 | length_bytes);
  }
  prepend_byte(tag);
}

void DerWriter::prepend_unsigned(Bytes magnitude) {
  const size_t mark = written();
  while (magnitude.size > 1 && magnitude.data[0] == 0) magnitude = {magnitude.data + 1, magnitude.size - 1};
  prepend(magnitude);
  if (magnitude.size == 0 || (magnitude.data[0] & 0x80)) prepend_byte(0);
  prepend_header(kDerInteger, mark);
}

void DerWriter::prepend_bit_string(uint8_t tag, Bytes bytes) {
  const size_t mark = written();
  prepend(bytes);
  prepend_byte(0);
  prepend_header(tag, mark);
}

bool DerWriter::finish(size_t* written_bytes) {
  if (overflow_) {
    wipe(buffer_.data, buffer_.size);
    return false;
  }
  const size_t size = written();
  std::memmove(buffer_.data, buffer_.data + free_, size);
  // The buffer may be the caller's and the content secret: nothing of it stays past what is reported.
  wipe(buffer_.data + size, buffer_.size - size);
  *written_bytes = size;
  return true;
}

bool read_pkcs8(Bytes der, Bytes algorithm, Pkcs8* out) {
  DerReader outer(der);
  Bytes body;
  if (!outer.read(kDerSequence, &body) || !outer.at_end()) return false;
  DerReader reader(body);
  Bytes version;
  Bytes identifier;
  if (!reader.read(kDerInteger, &version) || version.size != 1 || version.data[0] > 1) return false;
  if (!reader.read_whole(kDerSequence, &identifier) || !equal(identifier, algorithm)) return false;
  if (!reader.read(kDerOctetString, &out->private_key)) return false;
  // Attributes say nothing about the key itself; Windows writes its key usage there.
  Bytes attributes;
  if (reader.next_is(kDerContext0) && !reader.read(kDerContext0, &attributes)) return false;
  out->has_public_key = reader.next_is(kDerImplicit1);
  if (out->has_public_key && !reader.read_bit_string(kDerImplicit1, &out->public_key)) return false;
  // RFC 5958 section 2: version 2, written as 1, exactly where a public key is present.
  return reader.at_end() && out->has_public_key == (version.data[0] == 1);
}

bool read_spki(Bytes der, Bytes algorithm, Bytes* public_key) {
  DerReader outer(der);
  Bytes body;
  if (!outer.read(kDerSequence, &body) || !outer.at_end()) return false;
  DerReader reader(body);
  Bytes identifier;
  return reader.read_whole(kDerSequence, &identifier) && equal(identifier, algorithm) &&
         reader.read_bit_string(kDerBitString, public_key) && reader.at_end();
}

void prepend_pkcs8(DerWriter& writer, Bytes algorithm, size_t mark) {
  writer.prepend_header(kDerOctetString, mark);
  writer.prepend(algorithm);
  writer.prepend_unsigned({});
  writer.prepend_header(kDerSequence, mark);
}

bool write_spki(Bytes algorithm, Bytes public_key, MutableBytes out, size_t* written) {
  DerWriter writer(out);
  writer.prepend_bit_string(kDerBitString, public_key);
  writer.prepend(algorithm);
  writer.prepend_header(kDerSequence, 0);
  return writer.finish(written);
}

}  // namespace keymill
