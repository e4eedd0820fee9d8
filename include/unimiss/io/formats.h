#pragma once

#include <array>
#include <string>
#include <string_view>

/// What the ending of a file's name tells: the one table of it.
namespace unimiss::io {

/// What reads a file.
enum class FileReader {
  kNone,
  kNifti,      ///< read_volume()
  kMetaImage,  ///< read_volume()
  kNrrd,       ///< read_volume()
  kPixels,     ///< read_pixels(), which looks at the content
};

/// Where the voxels of a file are.
enum class FileData {
  kInside,
  kMayBeBeside,  ///< in a file that the header names
};

struct FileFormat {
  std::string_view ending;  ///< in lower case, with its dot
  int rank;                 ///< 2: images, 3: volumes
  FileReader reader;
  FileData data;
  /// The ending of a label map that belongs to such a file; where it is
  /// `ending`, such files are written, too. Empty: none.
  std::string_view maps;

  bool is_written() const { return ending == maps; }
};

/// Longer endings come before those that they end in.
inline constexpr std::array<FileFormat, 11> kFileFormats{{
    {".nii.gz", 3, FileReader::kNifti, FileData::kInside, ".nii.gz"},
    {".nii", 3, FileReader::kNifti, FileData::kInside, ".nii"},
    {".mha", 3, FileReader::kMetaImage, FileData::kInside, ".mha"},
    {".mhd", 3, FileReader::kMetaImage, FileData::kMayBeBeside, ".mha"},
    {".nrrd", 3, FileReader::kNrrd, FileData::kInside, ".nrrd"},
    {".nhdr", 3, FileReader::kNrrd, FileData::kMayBeBeside, ".nrrd"},
    {".hdr", 3, FileReader::kNone, FileData::kMayBeBeside, ""},
    {".png", 2, FileReader::kPixels, FileData::kInside, ".png"},
    {".jpg", 2, FileReader::kPixels, FileData::kInside, ".png"},
    {".jpeg", 2, FileReader::kPixels, FileData::kInside, ".png"},
    {".dcm", 2, FileReader::kPixels, FileData::kInside, ".png"},
}};

/// How endings are compared. Volumes are read and written by kExact alone.
enum class LetterCase { kAny, kExact };

/// The format that a file has by its name or path; null: none of the table.
const FileFormat* find_format(std::string_view name,
                              LetterCase letter_case = LetterCase::kAny);

/// Whether files of that name are read as images (rank 2) or volumes (3).
bool is_read_as(std::string_view name, int rank);

/// Whether the file is a header, by its name, that may name another file which
/// holds the voxels.
bool may_be_detached(std::string_view path);

/// "Scan1.NII.GZ": "Scan1". Other endings stay: they may be a part of the name.
std::string without_ending(std::string name);

/// The endings of what is read, or of the label maps that are written, as in
/// ".nii.gz, .nii, .mha", for a person.
std::string endings_read(int rank);
std::string endings_written(int rank);

}  // namespace unimiss::io
