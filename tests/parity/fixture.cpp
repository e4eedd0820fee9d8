#include "parity/fixture.h"

#include <ATen/Functions.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "unimiss/core/random.h"
#include "unimiss/io/tensor_archive.h"
#include "unimiss/model/official_names.h"

namespace unimiss::parity {
namespace {

namespace fs = std::filesystem;

bool contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

/// (offset, scale) of the uniform distribution behind a tensor.
std::pair<double, double> range_of(const std::string& name,
                                   const std::vector<int64_t>& shape) {
  if (name.starts_with("x2d_")) return {0.5, 0.5};
  if (name.starts_with("x3d_")) return {-0.4, 0.6};
  if (name == "center0") return {0.0, 0.05};
  if (name.ends_with("weight_g")) return {1.0, 0.15};
  if (contains(name, "pos_embed") || contains(name, "PosEmbed")) {
    return {0.0, 0.4};
  }
  if (name.ends_with("cls_tokens1") && shape.size() == 3) return {0.0, 0.8};
  if (shape.size() == 1) {
    return name.ends_with(".weight") ? std::pair{1.0, 0.3}
                                     : std::pair{0.0, 0.2};
  }
  double fan = 1.0;
  if (contains(name, "DecEmbed")) {
    fan = static_cast<double>(shape[0]);
  } else {
    for (size_t i = 1; i < shape.size(); ++i) {
      fan *= static_cast<double>(shape[i]);
    }
  }
  return {0.0, 1.2 * std::sqrt(3.0 / fan)};
}

}  // namespace

torch::Tensor regenerate(uint64_t seed, const std::string& role,
                         const std::string& name,
                         const std::vector<int64_t>& shape) {
  const uint64_t hash = fnv1a64(std::to_string(seed) + "/" + role + "/" + name);
  const auto [offset, scale] = range_of(name, shape);
  torch::Tensor tensor = at::empty(shape, torch::kFloat);
  float* out = tensor.data_ptr<float>();
  for (int64_t i = 0; i < tensor.numel(); ++i) {
    const uint64_t z =
        splitmix64(hash + static_cast<uint64_t>(i + 1) * 0x9e3779b97f4a7c15ULL);
    const double u = static_cast<double>(z >> 40) * 0x1p-23 - 1.0;
    out[i] = static_cast<float>(offset + scale * u);
  }
  return tensor;
}

torch::Tensor sample_like(const torch::Tensor& tensor,
                          const torch::Tensor& recorded) {
  const torch::Tensor flat = tensor.detach().reshape({-1});
  const int64_t n = flat.numel(), k = recorded.numel();
  if (n == k) return flat;
  const torch::Tensor index =
      (at::arange(k, torch::kLong) * (n - 1)).div(k - 1, "floor");
  return flat.index_select(0, index);
}

double relative_error(const torch::Tensor& a, const torch::Tensor& b) {
  const torch::Tensor x = a.detach().to(torch::kDouble).reshape({-1});
  const torch::Tensor y = b.detach().to(torch::kDouble).reshape({-1});
  return (x - y).norm().item<double>() / y.norm().item<double>();
}

std::vector<std::string> Fixture::folders() {
  const char* named = std::getenv("UNIMISS_FIXTURES");
  if (named == nullptr || *named == '\0') named = std::getenv("UNIMISS_GOLDEN");
  TORCH_CHECK(named, "neither UNIMISS_FIXTURES nor UNIMISS_GOLDEN is set");
  std::vector<std::string> found;
  if (fs::exists(fs::path(named) / "meta.json")) return {named};
  for (const auto& entry : fs::directory_iterator(named)) {
    if (fs::exists(entry.path() / "meta.json")) {
      found.push_back(entry.path().string());
    }
  }
  std::sort(found.begin(), found.end());
  TORCH_CHECK(!found.empty(), "no recorded variant in ", named);
  return found;
}

Fixture::Fixture(const std::string& folder) : folder_(folder) {
  std::ifstream file(folder + "/meta.json");
  meta_ = nlohmann::json::parse(file);
}

bool Fixture::has(const std::string& file) const {
  return fs::exists(folder_ + "/" + file);
}

Tensors Fixture::load(const std::string& file) const {
  return io::load_tensors(folder_ + "/" + file + ".safetensors");
}

model::MitOptions Fixture::mit_options() const {
  model::MitOptions options;
  if (meta_.contains("arch")) {
    const auto& arch = meta_["arch"];
    arch.at("enc_dims").get_to(options.widths);
    arch.at("enc_depths").get_to(options.encoder_depths);
    arch.at("dec_depths").get_to(options.decoder_depths);
    arch.at("enc_heads").get_to(options.encoder_heads);
    arch.at("dec_heads").get_to(options.decoder_heads);
    arch.at("sr_enc").get_to(options.encoder_reductions);
    arch.at("sr_dec").get_to(options.decoder_reductions);
  } else {
    options.variant = meta_.at("variant") == "tiny" ? model::MitVariant::kTiny
                                                    : model::MitVariant::kSmall;
  }
  meta_.at("img2d").get_to(options.image_size);
  meta_.at("img3d").get_to(options.volume_size);
  options.position_rule = model::PositionRule::kOfficial;
  return options;
}

ssl::ProjectionHeadOptions Fixture::head_options() const {
  ssl::ProjectionHeadOptions options;
  meta_.at("hidden").get_to(options.hidden);
  meta_.at("bottleneck").get_to(options.bottleneck);
  meta_.at("out_dim").get_to(options.prototypes);
  return options;
}

ssl::StudentTeacher Fixture::networks(torch::ScalarType type) const {
  ssl::StudentTeacher networks(mit_options(), head_options());
  torch::NoGradGuard no_grad;
  const auto seed = meta_.at("seed").get<uint64_t>();
  for (const std::string role : {"student", "teacher"}) {
    ssl::Network& network =
        role == "student" ? networks.student : networks.teacher;
    for (const auto& item : network->named_parameters()) {
      item.value().copy_(regenerate(seed, role,
                                    model::official_name(item.key()),
                                    item.value().sizes().vec()));
    }
  }
  networks.to(type);
  return networks;
}

torch::Tensor Fixture::views(const std::string& kind,
                             torch::ScalarType type) const {
  const bool images = kind == "2d";
  std::vector<int64_t> shape;
  if (images) {
    const int64_t size = meta_.at("img2d");
    shape = {meta_.at("b2").get<int64_t>(), 3, size, size};
  } else {
    const auto size = meta_.at("img3d").get<std::array<int64_t, 3>>();
    shape = {meta_.at("b3").get<int64_t>(), 1, size[0], size[1], size[2]};
  }
  const auto seed = meta_.at("seed").get<uint64_t>();
  const std::string name = "x" + kind + "_v";
  return at::cat({regenerate(seed, "input", name + "1", shape),
                  regenerate(seed, "input", name + "2", shape)})
      .to(type);
}

torch::Tensor Fixture::center(torch::ScalarType type) const {
  return regenerate(meta_.at("seed").get<uint64_t>(), "input", "center0",
                    {1, meta_.at("out_dim").get<int64_t>()})
      .to(type);
}

std::map<std::string, double> Fixture::float_errors() const {
  std::map<std::string, double> errors;
  std::ifstream file(folder_ + "/grads.tsv");
  std::string line;
  std::getline(file, line);  // header
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string kind, name, f64, f32, error;
    fields >> kind >> name >> f64 >> f32 >> error;
    errors[kind + "." + name] = std::stod(error);
  }
  return errors;
}

}  // namespace unimiss::parity
