#include "io/stored_voxels.h"

#include <gmock/gmock.h>
#include <libdeflate.h>

#include <string>

#include "unimiss/core/error.h"

namespace unimiss::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::ThrowsMessage;
using Bytes = std::vector<uint8_t>;

template <class Bound, class Compress>
Bytes packed(const Bytes& plain, Bound bound, Compress compress) {
  auto* compressor = libdeflate_alloc_compressor(6);
  Bytes bytes(bound(compressor, plain.size()));
  bytes.resize(compress(compressor, plain.data(), plain.size(), bytes.data(),
                        bytes.size()));
  libdeflate_free_compressor(compressor);
  return bytes;
}
Bytes gzip(const Bytes& plain) {
  return packed(plain, libdeflate_gzip_compress_bound,
                libdeflate_gzip_compress);
}
Bytes zlib(const Bytes& plain) {
  return packed(plain, libdeflate_zlib_compress_bound,
                libdeflate_zlib_compress);
}

StoredVoxels shorts(Bytes bytes) {
  StoredVoxels voxels;
  voxels.bytes = std::move(bytes);
  voxels.offset = 1;
  voxels.count = 2;
  return voxels;
}

TEST(StoredVoxels, AreDecodedWithTheirByteOrderAndScale) {
  StoredVoxels voxels = shorts({99, 1, 0, 0xfe, 0xff});
  voxels.slope = 0.5;
  voxels.intercept = 10;
  std::vector<float> values(2);
  decode_voxels(voxels, values.data());
  EXPECT_THAT(values, ElementsAre(10.5f, 9.0f));
  voxels.swapped = true;
  voxels.slope = 1;
  voxels.intercept = 0;
  decode_voxels(voxels, values.data());
  EXPECT_THAT(values, ElementsAre(256.0f, -257.0f));
  voxels.type = torch::kUInt8;
  decode_voxels(voxels, values.data());
  EXPECT_THAT(values, ElementsAre(1.0f, 0.0f));
  voxels.type = torch::kBool;
  EXPECT_THROW(decode_voxels(voxels, values.data()), c10::Error);
}

TEST(StoredVoxels, AllOfThemMustBeThere) {
  EXPECT_EQ(bytes_needed(shorts({})), 4u);
  EXPECT_NO_THROW(check_voxels_present("v", shorts({0, 1, 2, 3, 4})));
  for (const Bytes& bytes : {Bytes{0, 1, 2, 3}, Bytes{}}) {
    EXPECT_THAT([&] { check_voxels_present("v.nii", shorts(bytes)); },
                ThrowsMessage<DataError>(HasSubstr("fewer than the 4")));
  }
}

TEST(StoredVoxels, GzipIsInflatedMemberByMember) {
  const Bytes one(3000, 1), two(2000, 2);
  Bytes both = gzip(one);
  const Bytes second = gzip(two);
  both.insert(both.end(), second.begin(), second.end());
  const Bytes plain = inflate_gzip("v", both, 5000);
  ASSERT_EQ(plain.size(), 5000u);
  EXPECT_EQ(plain[2999], 1);
  EXPECT_EQ(plain[3000], 2);
  const Bytes begin = gzip_begin("v", both, 3001);
  EXPECT_EQ(begin, Bytes(plain.begin(), plain.begin() + 3001));
  EXPECT_THAT([&] { inflate_gzip("v.nii.gz", both, 4999); },
              ThrowsMessage<DataError>(HasSubstr("more than its header")));
}

TEST(StoredVoxels, DamagedStreamsAreRefused) {
  const Bytes good = gzip(Bytes(3000, 1));
  Bytes bad = good;
  bad[bad.size() - 6] ^= 1;  // of the checksum
  EXPECT_THROW(inflate_gzip("v", bad, 3000), DataError);
  EXPECT_THROW(inflate_gzip("v", Bytes(20, 'x'), 3000), DataError);
  EXPECT_THROW(gzip_begin("v", {}, 10), DataError);
  Bytes padded = good;
  padded.resize(padded.size() + 100);
  EXPECT_EQ(inflate_gzip("v", padded, 3000).size(), 3000u);
}

TEST(StoredVoxels, AZlibStreamHasItsSize) {
  const Bytes plain(500, 7);
  EXPECT_EQ(inflate_zlib("v", zlib(plain), 500), plain);
  for (const uint64_t size : {499, 501}) {
    EXPECT_THAT([&] { inflate_zlib("v", zlib(plain), size); },
                ThrowsMessage<DataError>(HasSubstr("contradicts the header")));
  }
  EXPECT_THAT([&] { inflate_zlib("v", zlib(plain), 1 << 30); },
              ThrowsMessage<DataError>(HasSubstr("cannot hold")));
}

}  // namespace
}  // namespace unimiss::io
