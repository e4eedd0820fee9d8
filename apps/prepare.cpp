// unimiss-prepare: makes training data out of what there is.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "cli.h"
#include "unimiss/augment/radiograph.h"
#include "unimiss/core/error.h"
#include "unimiss/core/fields.h"
#include "unimiss/core/random.h"
#include "unimiss/io/formats.h"
#include "unimiss/io/image.h"
#include "unimiss/io/volume.h"

namespace {

namespace fs = std::filesystem;

struct RadiographRequest {
  std::vector<std::string> volumes;
  std::string output;
  int64_t count = 180, size = 512;
  double tilt = 8;
  uint64_t seed = 7;
};

/// chest.nii.gz → chest
std::string stem_of(const std::string& path) {
  std::string name = fs::path(path).filename().string();
  // A series is a folder, of any name.
  return unimiss::io::is_read_as(name, 3) ? unimiss::io::without_ending(name)
                                          : name;
}

/// The films of one volume, at equal turns; appends their names to the list.
void render(const RadiographRequest& request, const std::string& path,
            std::ofstream& list) {
  const auto radiograph = [&] {
    try {
      return unimiss::augment::Radiograph(unimiss::io::read_volume(path));
    } catch (const unimiss::DataError&) {
      throw;
    } catch (const unimiss::Error& error) {
      throw unimiss::DataError(path, error.what());
    }
  }();
  const std::string stem = stem_of(path);
  unimiss::Random random({request.seed, unimiss::fnv1a64(stem)});
  for (int64_t i = 0; i < request.count; ++i) {
    const double turn =
        360.0 * static_cast<double>(i) / static_cast<double>(request.count);
    const double tilt = random.uniform(-request.tilt, request.tilt);
    const std::string name = fmt::format("{}_{:04}.png", stem, i);
    unimiss::io::write_png((fs::path(request.output) / name).string(),
                           radiograph.film(turn, tilt, request.size));
    list << name << '\n';
  }
}

void run(const RadiographRequest& request) {
  std::set<std::string> stems;
  for (const std::string& volume : request.volumes) {
    unimiss::require(stems.insert(stem_of(volume)).second, "--volume",
                     "two files are called " + stem_of(volume) +
                         ", so their films would overwrite each other; render "
                         "them into folders of their own");
  }
  std::error_code error;
  fs::create_directories(request.output, error);
  // The list appears once all films are there: half of them is no data set.
  const std::string list_path =
      (fs::path(request.output) / "list.txt").string();
  fs::remove(list_path, error);
  std::ofstream list(list_path + ".part");
  if (!list) {
    throw unimiss::DataError(request.output,
                             "cannot be written; choose another --output");
  }
  for (const std::string& volume : request.volumes) {
    render(request, volume, list);
  }
  list.close();
  if (list) fs::rename(list_path + ".part", list_path, error);
  if (!list || error) {
    throw unimiss::DataError(list_path, "could not be written (disk full?)");
  }
  std::cout << fmt::format(
      "{} radiographs of {} volume{} in {}\nlist: {}\n",
      request.count * static_cast<int64_t>(request.volumes.size()),
      request.volumes.size(), request.volumes.size() == 1 ? "" : "s",
      request.output, list_path);
}

}  // namespace

int main(int argc, char** argv) {
  unimiss::tune_allocator();
  CLI::App app("Prepares data for unimiss.");
  app.require_subcommand(1);
  RadiographRequest request;
  CLI::App* radiograph = app.add_subcommand(
      "radiograph",
      "simulated X-rays of CT volumes: line integrals of the attenuation, as "
      "16-bit PNG files and a list.txt");
  radiograph
      ->add_option(
          "--volume", request.volumes,
          "CT volumes: NIfTI, MetaImage, NRRD or folders of DICOM files")
      ->required();
  radiograph->add_option("--output", request.output, "folder for the films")
      ->required();
  radiograph
      ->add_option("--count", request.count,
                   "films of each volume, at equal turns of a full circle")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  radiograph->add_option("--size", request.size, "pixels along each side")
      ->check(CLI::Range(64, 8192))
      ->capture_default_str();
  radiograph->add_option("--tilt", request.tilt, "largest random tilt, degrees")
      ->check(CLI::Range(0.0, 60.0))
      ->capture_default_str();
  radiograph->add_option("--seed", request.seed, "seed of the tilts")
      ->capture_default_str();
  return unimiss::run_app(app, argc, argv, [&] { run(request); });
}
