#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

/// 3D images: CT volumes as NIfTI, MetaImage or NRRD files or DICOM series.
///
/// Every volume has one orientation, whatever the file's: D runs from inferior
/// to superior, H from anterior to posterior, W from the patient's right to the
/// left. An axial slice [H, W] thus displays the way radiologists see it.
/// Only the axes are permuted and flipped, so that they come closest to these
/// directions; an oblique acquisition stays oblique.
namespace unimiss::io {

/// A grid with the axes that a file has, x the fastest.
struct FileGrid {
  std::array<int64_t, 3> size{1, 1, 1};    ///< voxels along x, y, z
  std::array<double, 3> spacing{1, 1, 1};  ///< mm along x, y, z
  /// Where the first voxel's centre lies: mm to the left, posterior, superior.
  std::array<double, 3> origin{0, 0, 0};
  /// The unit vectors, likewise, along x, y and z.
  std::array<std::array<double, 3>, 3> axes{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  /// Of a NIfTI file its header, in this machine's byte order: a NIfTI file
  /// that is written on this grid says the same of its place, bit for bit.
  std::vector<uint8_t> nifti_header{};
};

struct Volume {
  torch::Tensor voxels;                    ///< [D, H, W] float32; HU for CT
  std::array<double, 3> spacing{1, 1, 1};  ///< mm between voxels, D, H, W
  /// Where the first voxel's centre lies in the patient: mm to the left, to
  /// posterior and to superior.
  std::array<double, 3> origin{0, 0, 0};
  /// The unit vectors, likewise, along D, H and W.
  std::array<std::array<double, 3>, 3> axes{{{0, 0, 1}, {0, 1, 0}, {1, 0, 0}}};
  /// The grid of the file that it was read from, for write_volume() to go back
  /// to; the voxels have its size, however they were changed.
  std::optional<FileGrid> file{};
};

/// What voxels stand for: kLabels must be whole numbers as they are stored.
enum class VoxelKind { kIntensities, kLabels };

/// Reads a volume of any scalar type, told by its name:
/// - .nii, .nii.gz: NIfTI-1, rescaled by scl_slope and scl_inter; a trailing
///   axis of extent 1 is dropped;
/// - .mha, .mhd with its data file: MetaImage; .nrrd, .nhdr with its data file:
///   NRRD, raw or gzip;
/// - a folder: the DICOM files of one CT series, rescaled to HU; they must form
///   a regular grid.
///
/// Intensities that are not finite become the smallest finite one, with a
/// warning; labels that are not whole numbers are an error.
/// Throws DataError for a file that is missing, truncated, fails its checksum,
/// contradicts its own header, holds colours or more than one frame, or has no
/// finite voxel, and for a series with missing slices or of several kinds. What
/// the header claims is compared with the bytes present before any memory is
/// taken for it.
Volume read_volume(const std::string& path,
                   VoxelKind kind = VoxelKind::kIntensities);

/// Whether a folder holds a DICOM file, by the file's first bytes or its name.
bool is_dicom_series(const std::string& folder);

/// The files a volume is made of: all files of a folder; a detached header and
/// its data; else the path alone. Whoever keeps what was read looks here for
/// changes.
std::vector<std::string> volume_files(const std::string& path);

}  // namespace unimiss::io
