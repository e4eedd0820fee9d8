#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// TensorBoard's event-file format, as far as scalars need it.
///
/// A file is a sequence of TFRecords, each holding one serialized Event of
/// tensorboard/compat/proto/event.proto. The few fields in use are encoded by
/// hand: LibTorch embeds a protobuf of its own, and a second one in the same
/// process would clash with it.
namespace unimiss::train {

using Scalars = std::vector<std::pair<std::string, float>>;

/// CRC-32C (Castagnoli), which zlib lacks.
uint32_t crc32c(std::string_view bytes);

/// The TFRecord of these bytes: their length, its masked checksum, the bytes,
/// their masked checksum; little-endian.
std::string tf_record(std::string_view bytes);

/// Serialized Events; `wall_time` in seconds since 1970.

/// Must be the first of a file.
std::string version_event(double wall_time);
/// From this step on, what earlier files hold is no longer valid.
std::string start_event(double wall_time, int64_t step);
/// One summary of several values, each a tag and its number.
std::string scalars_event(double wall_time, int64_t step,
                          const Scalars& scalars);

}  // namespace unimiss::train
