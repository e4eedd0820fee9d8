#include <gmock/gmock.h>

#include "testing/files.h"
#include "testing/temporary_directory.h"
#include "testing/volume_error.h"

namespace unimiss::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using unimiss::testing::golden_file;
using unimiss::testing::read_bytes;
using unimiss::testing::TemporaryDirectory;
using unimiss::testing::volume_error;
using unimiss::testing::write_bytes;

std::string golden_bytes(const std::string& name) {
  return read_bytes(golden_file("io/" + name));
}

std::string replaced(std::string text, const std::string& from,
                     const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(TextHeaderFile, DamagedMetaImagesAreRefused) {
  const std::string plain = golden_bytes("plain.mha");
  EXPECT_EQ(volume_error("v.mha", plain), "no error");
  EXPECT_THAT(volume_error("v.mha", plain.substr(0, plain.size() - 1)),
              HasSubstr("fewer"));
  EXPECT_THAT(volume_error("v.mha", "no header\n"),
              HasSubstr("not a MetaImage"));
  EXPECT_THAT(volume_error("v.mha", plain.substr(0, 40)),
              HasSubstr("MetaImage"));
  EXPECT_THAT(volume_error("v.mha", replaced(plain, "DimSize = 7 6 5",
                                             "DimSize = 30000 30000 30000")),
              HasSubstr("fewer"));
  EXPECT_THAT(volume_error("v.mha", replaced(plain, "DimSize = 7 6 5",
                                             "DimSize = 7 -6 5")),
              HasSubstr("extent of -6"));
  EXPECT_THAT(volume_error("v.mha", replaced(plain, "MET_SHORT", "MET_COLOUR")),
              HasSubstr("MET_COLOUR"));
  EXPECT_THAT(volume_error("v.mha", replaced(plain, "ElementSpacing = ",
                                             "ElementSpacing = 0 0 ")),
              HasSubstr("spacing"));
  EXPECT_THAT(volume_error("v.mha", replaced(plain, "LOCAL", "v.raw")),
              HasSubstr("rename the header to .mhd"));
  const std::string packed = golden_bytes("compressed.mha");
  EXPECT_THAT(volume_error("v.mha", packed.substr(0, packed.size() - 9)),
              HasSubstr("truncated or corrupt"));
  std::string flipped = packed;
  flipped[packed.size() - 1] ^= 1;  // of the checksum
  EXPECT_THAT(volume_error("v.mha", flipped), HasSubstr("corrupt"));
}

TEST(TextHeaderFile, DamagedNrrdsAreRefused) {
  const std::string plain = golden_bytes("plain.nrrd");
  EXPECT_EQ(volume_error("v.nrrd", plain), "no error");
  EXPECT_THAT(volume_error("v.nrrd", plain.substr(0, plain.size() - 1)),
              HasSubstr("fewer"));
  EXPECT_THAT(volume_error("v.nrrd", "text"), HasSubstr("not an NRRD"));
  EXPECT_THAT(volume_error("v.nrrd", replaced(plain, "raw", "bzip2")),
              HasSubstr("bzip2"));
  EXPECT_THAT(
      volume_error("v.nrrd", replaced(plain, "dimension: 3", "dimension: 4")),
      HasSubstr("expected one 3D volume"));
  const std::string packed = golden_bytes("gzip.nrrd");
  EXPECT_THAT(volume_error("v.nrrd", packed.substr(0, packed.size() - 9)),
              HasSubstr("truncated or corrupt"));
  std::string flipped = packed;
  flipped[packed.size() - 6] ^= 1;  // of the checksum
  EXPECT_THAT(volume_error("v.nrrd", flipped), HasSubstr("corrupt"));
}

TEST(TextHeaderFile, DataLiesBesideTheHeader) {
  const TemporaryDirectory folder;
  const auto error = [&](const std::string& name, const std::string& bytes) {
    write_bytes(folder.file(name), bytes);
    return volume_error(folder.file(name));
  };
  const std::string meta = golden_bytes("detached.mhd");
  EXPECT_THAT(error("v.mhd", meta), HasSubstr("detached.raw: no such file"));
  const std::string data = golden_bytes("detached.raw");
  write_bytes(folder.file("detached.raw"), data);
  EXPECT_EQ(error("v.mhd", meta), "no error");
  EXPECT_THAT(volume_files(folder.file("v.mhd")),
              ElementsAre(folder.file("v.mhd"), folder.file("detached.raw")));
  write_bytes(folder.file("detached_nhdr.raw"),
              golden_bytes("detached_nhdr.raw"));
  EXPECT_EQ(error("v.nhdr", golden_bytes("detached.nhdr")), "no error");
  EXPECT_THAT(
      volume_files(folder.file("v.nhdr")),
      ElementsAre(folder.file("v.nhdr"), folder.file("detached_nhdr.raw")));
  EXPECT_THAT(error("v.mhd", replaced(meta, "detached.raw", "../x.raw")),
              HasSubstr("another folder"));
  EXPECT_EQ(error("v.mhd", meta.substr(0, meta.find_last_not_of('\n') + 1)),
            "no error");
  EXPECT_THAT(error("v.mhd", replaced(meta, "detached.raw", "LIST")),
              HasSubstr("one file per slice"));
  write_bytes(folder.file("detached.raw"), data.substr(1));
  EXPECT_THAT(error("v.mhd", meta), HasSubstr("fewer"));
}

}  // namespace
}  // namespace unimiss::io
