#include "unimiss/core/random.h"

#include <cmath>
#include <numbers>

namespace unimiss {

uint64_t fnv1a64(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325ULL;
  for (unsigned char c : text) hash = (hash ^ c) * 0x100000001b3ULL;
  return hash;
}

uint64_t splitmix64(uint64_t word) {
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9ULL;
  word = (word ^ (word >> 27)) * 0x94d049bb133111ebULL;
  return word ^ (word >> 31);
}

namespace {
constexpr uint64_t kGolden = 0x9e3779b97f4a7c15ULL;
}

Random::Random(std::initializer_list<uint64_t> key) {
  for (uint64_t part : key) state_ = splitmix64(state_ + kGolden + part);
}

Random Random::fork(uint64_t part) const {
  Random other({});
  other.state_ = splitmix64(state_ + kGolden + part);
  return other;
}

uint64_t Random::bits() { return splitmix64(state_ + ++counter_ * kGolden); }

double Random::uniform() {
  return static_cast<double>(bits() >> 11) * 0x1.0p-53;
}

double Random::uniform(double low, double high) {
  return low + (high - low) * uniform();
}

int64_t Random::integer(int64_t count) {
  // The bias of a 64-bit multiply-shift is below count / 2^64.
  return static_cast<int64_t>(
      (static_cast<unsigned __int128>(bits()) * static_cast<uint64_t>(count)) >>
      64);
}

bool Random::chance(double probability) { return uniform() < probability; }

double Random::normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

}  // namespace unimiss
