#include "train/event_format.h"

#include <array>
#include <cstring>

namespace unimiss::train {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
              "numbers are written as they lie in memory");

constexpr std::array<uint32_t, 256> make_crc_table() {
  constexpr uint32_t kReversedPolynomial = 0x82f63b78;
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < table.size(); ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? kReversedPolynomial : 0);
    }
    table[byte] = crc;
  }
  return table;
}

constexpr auto kCrcTable = make_crc_table();

template <class Number>
void put(std::string& out, Number number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  out.append(bytes, sizeof number);
}

/// The checksum of a checksum is constant: TFRecords store it masked.
uint32_t masked_crc(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

/// How protobuf encodes the value of a field.
enum WireType : uint32_t {
  kVarint = 0,
  kFixed64 = 1,
  kDelimited = 2,
  kFixed32 = 5
};

void put_varint(std::string& out, uint64_t number) {
  for (; number >= 0x80; number >>= 7) {
    out += static_cast<char>((number & 0x7f) | 0x80);
  }
  out += static_cast<char>(number);
}

void put_key(std::string& out, uint32_t field, WireType type) {
  put_varint(out, field << 3 | type);
}

void put_bytes(std::string& out, uint32_t field, std::string_view bytes) {
  put_key(out, field, kDelimited);
  put_varint(out, bytes.size());
  out += bytes;
}

/// Event.wall_time and Event.step; a default, 0, is not written.
std::string event_at(double wall_time, int64_t step) {
  std::string event;
  if (wall_time != 0) {
    put_key(event, 1, kFixed64);
    put(event, wall_time);
  }
  if (step != 0) {
    put_key(event, 2, kVarint);
    put_varint(event, static_cast<uint64_t>(step));
  }
  return event;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = 0xffffffff;
  for (const char byte : bytes) {
    crc = (crc >> 8) ^ kCrcTable[(crc ^ static_cast<uint8_t>(byte)) & 0xff];
  }
  return ~crc;
}

std::string tf_record(std::string_view bytes) {
  std::string record;
  put(record, uint64_t{bytes.size()});
  put(record, masked_crc(record));
  record += bytes;
  put(record, masked_crc(bytes));
  return record;
}

std::string version_event(double wall_time) {
  std::string event = event_at(wall_time, 0);
  put_bytes(event, 3, "brain.Event:2");  // Event.file_version
  return event;
}

std::string start_event(double wall_time, int64_t step) {
  std::string session;
  put_key(session, 1, kVarint);  // SessionLog.status
  put_varint(session, 1);        // START
  std::string event = event_at(wall_time, step);
  put_bytes(event, 7, session);  // Event.session_log
  return event;
}

std::string scalars_event(double wall_time, int64_t step,
                          const Scalars& scalars) {
  std::string summary;
  for (const auto& [tag, number] : scalars) {
    std::string value;
    put_bytes(value, 1, tag);     // Value.tag
    put_key(value, 2, kFixed32);  // Value.simple_value
    put(value, number);
    put_bytes(summary, 1, value);  // Summary.value
  }
  std::string event = event_at(wall_time, step);
  put_bytes(event, 5, summary);  // Event.summary
  return event;
}

}  // namespace unimiss::train
