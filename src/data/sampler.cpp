#include "unimiss/data/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "unimiss/core/fields.h"
#include "unimiss/core/random.h"

namespace unimiss::data {
namespace {

template <class T>
void shuffle(std::vector<T>& items, Random random) {
  for (auto i = static_cast<int64_t>(items.size()) - 1; i > 0; --i) {
    std::swap(items[i], items[random.integer(i + 1)]);
  }
}

/// `total` divided in proportion to the weights, by largest remainders.
std::vector<int64_t> apportioned(int64_t total,
                                 const std::vector<SampleSource>& sources) {
  double sum = 0;
  for (const SampleSource& source : sources) sum += source.weight;
  std::vector<int64_t> parts;
  std::vector<std::pair<double, size_t>> remainders;
  for (const SampleSource& source : sources) {
    const double exact = static_cast<double>(total) * source.weight / sum;
    parts.push_back(static_cast<int64_t>(exact));
    remainders.emplace_back(static_cast<double>(parts.back()) - exact,
                            remainders.size());
  }
  std::sort(remainders.begin(), remainders.end());
  const int64_t given = std::accumulate(parts.begin(), parts.end(), int64_t{0});
  for (int64_t i = 0; i < total - given; ++i) ++parts[remainders[i].second];
  return parts;
}

}  // namespace

Sampler::Sampler(std::vector<SampleSource> sources, uint64_t seed)
    : sources_(std::move(sources)), seed_(seed) {
  size_t weighted = 0;
  for (const SampleSource& source : sources_) {
    require(source.weight >= 0 && std::isfinite(source.weight), "weights",
            "must be positive numbers");
    weighted += source.weight > 0 ? 1 : 0;
    size_ += source.samples;
  }
  require(size_ >= 1, "files", "the dataset is empty");
  require(weighted == 0 || weighted == sources_.size(), "weights",
          "must be positive, one for each list");
  if (weighted == 0) return;
  draws_ = apportioned(size_, sources_);
  for (size_t i = 0; i < sources_.size(); ++i) {
    require(sources_[i].samples >= 1, "weights",
            fmt::format("list {} has no usable sample; take it out", i + 1));
    require(draws_[i] >= 1, "weights",
            fmt::format("list {} would get less than one of the {} samples of "
                        "an epoch; raise its weight",
                        i + 1, size_));
  }
}

Sampler::Draw Sampler::at(int64_t place) {
  const int64_t epoch = place / size_;
  auto found = epochs_.find(epoch);
  if (found == epochs_.end()) {
    found = epochs_.emplace(epoch, make_epoch(epoch)).first;
  }
  return found->second[place % size_];
}

void Sampler::forget_before(int64_t place) {
  while (!epochs_.empty() && epochs_.begin()->first < place / size_) {
    epochs_.erase(epochs_.begin());
  }
}

std::vector<Sampler::Draw> Sampler::make_epoch(int64_t epoch) const {
  std::vector<Draw> draws(size_);
  const Random random({seed_, static_cast<uint64_t>(epoch)});
  if (draws_.empty()) {
    for (int64_t i = 0; i < size_; ++i) draws[i] = {i, epoch};
    shuffle(draws, random);
    return draws;
  }
  // Which source each place of the epoch belongs to; every source then fills
  // its places in its own order, going on where its last epoch ended.
  std::vector<size_t> places;
  for (size_t source = 0; source < sources_.size(); ++source) {
    places.insert(places.end(), draws_[source], source);
  }
  shuffle(places, random);
  int64_t first = 0;
  for (size_t source = 0; source < sources_.size(); ++source) {
    const int64_t count = sources_[source].samples;
    std::vector<int64_t> order(count);
    int64_t permuted = -1, at = epoch * draws_[source];
    for (int64_t place = 0; place < size_; ++place) {
      if (places[place] != source) continue;
      const int64_t visit = at / count;
      if (visit != permuted) {
        std::iota(order.begin(), order.end(), first);
        shuffle(order, Random({seed_, static_cast<uint64_t>(source),
                               static_cast<uint64_t>(visit)}));
        permuted = visit;
      }
      draws[place] = {order[at++ % count], visit};
    }
    first += count;
  }
  return draws;
}

}  // namespace unimiss::data
