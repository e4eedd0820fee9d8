#include "unimiss/distributed/agreement.h"

#include <ATen/Functions.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "unimiss/core/error.h"
#include "unimiss/core/error_message.h"
#include "unimiss/core/log.h"
#include "unimiss/core/random.h"

namespace unimiss::distributed {
namespace {

std::atomic<bool> together = false;

// What a failure's message begins with, when it goes to others.
constexpr char kOfUser = 'u', kOther = 'o';

std::string message_of(const std::exception_ptr& failure) {
  if (!failure) return "";
  try {
    std::rethrow_exception(failure);
  } catch (const ConfigError& error) {
    return kOfUser + std::string(error.what());
  } catch (const std::exception& error) {
    return kOther + error_message(error);
  } catch (...) {
    return kOther + std::string("an unknown error");
  }
}

/// Whether its message says all.
bool is_ours(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error&) {
    return true;
  } catch (...) {
    return false;
  }
}

/// Names the process that has failed.
[[noreturn]] void fail_as(size_t rank, const std::string& message) {
  const std::string text =
      fmt::format("process {} failed: {}", rank, message.substr(1));
  if (message[0] == kOfUser) throw ConfigError(text);
  throw RunError(text);
}

/// Which lines of one process's text differ from the first one's.
std::vector<std::string> different_lines(const std::string& first,
                                         const std::string& other) {
  std::istringstream lines(first), others(other);
  std::vector<std::string> names;
  std::string line, other_line;
  while (std::getline(lines, line)) {
    std::getline(others, other_line);
    if (line != other_line) names.push_back(line.substr(0, line.find('\t')));
  }
  return names;
}

/// Of two texts, in words, those lines that differ, below the heading (of YAML)
/// that they stand under.
std::string differences(const std::string& name, const std::string& first,
                        const std::string& other, size_t rank) {
  std::istringstream lines(first), others(other);
  std::string line, other_line, heading, text;
  constexpr int kShown = 5;
  for (int shown = 0; shown < kShown;) {
    const bool more = static_cast<bool>(std::getline(lines, line));
    const bool more_other = static_cast<bool>(std::getline(others, other_line));
    if (!more && !more_other) break;
    if (!more) line.clear();
    if (!more_other) other_line.clear();
    if (line == other_line) {
      if (line.ends_with(':') && !line.starts_with(' ')) heading = line + " ";
      continue;
    }
    ++shown;
    const auto trimmed = [](const std::string& of) {
      return of.substr(std::min(of.find_first_not_of(' '), of.size()));
    };
    text +=
        fmt::format("\n  {}: {}{} (process 0), {}{} (process {})", name,
                    heading, trimmed(line), heading, trimmed(other_line), rank);
  }
  return text;
}

/// The lines that differ between the first process and the first other than it.
std::string differences(const distributed::Communicator& communicator,
                        const std::map<std::string, std::string>& texts) {
  // Names of files may be any bytes, which JSON's text may not.
  const auto bytes = nlohmann::json::to_cbor(texts);
  const auto all = communicator.gather(std::string(bytes.begin(), bytes.end()));
  const auto texts_of = [&](size_t rank) {
    return nlohmann::json::from_cbor(all[rank])
        .get<std::map<std::string, std::string>>();
  };
  const auto first = texts_of(0);
  for (size_t rank = 1; rank < all.size(); ++rank) {
    std::string found;
    for (const auto& [name, text] : texts_of(rank)) {
      const auto theirs = first.find(name);
      found += differences(name, theirs == first.end() ? "" : theirs->second,
                           text, rank);
    }
    if (!found.empty()) return found;
  }
  return "";
}

/// Lines "name <tab> what" of each process must be the same.
void compare(const distributed::Communicator& communicator,
             const std::string& lines, const std::string& what) {
  // Usually all is the same: one number is enough to know.
  const auto digest = static_cast<int64_t>(fnv1a64(lines));
  bool same = true;
  for (const torch::Tensor& other :
       communicator.gather(at::full({1}, digest, torch::kLong))) {
    same = same && other.item<int64_t>() == digest;
  }
  torch::Tensor differs = at::full({1}, same ? 0.0F : 1.0F);
  communicator.sum(differs);
  if (differs.item<float>() == 0) return;
  together = true;
  const auto all = communicator.gather(lines);
  constexpr size_t kShown = 5;
  for (size_t rank = 1; rank < all.size(); ++rank) {
    auto names = different_lines(all[0], all[rank]);
    if (names.empty()) continue;
    const size_t count = names.size();
    names.resize(std::min(count, kShown));
    throw RunError(fmt::format(
        "processes 0 and {} differ {} in {} of its parts ({}{}); they must run "
        "the same program on the same files",
        rank, what, count, fmt::join(names, ", "),
        count > kShown ? ", ..." : ""));
  }
  throw RunError(fmt::format("the processes differ {}", what));
}

/// Sums over the bits of a tensor, of all of its numbers and of every other.
std::string bits_of(const torch::Tensor& tensor) {
  const torch::Tensor flat = tensor.detach().contiguous().flatten();
  const torch::Tensor bits =
      flat.element_size() >= 4 ? flat.view(torch::kInt) : flat.to(torch::kInt);
  if (bits.numel() == 0) return "0";
  return fmt::format(
      "{} {} {}", fmt::join(tensor.sizes(), "x"),
      bits.sum(torch::kLong).item<int64_t>(),
      bits.slice(0, 0, std::nullopt, 2).sum(torch::kLong).item<int64_t>());
}

}  // namespace

Agreement agree(const distributed::Communicator& communicator,
                const Opinion& opinion) {
  const auto& [failure, stop, save, tells] = opinion;
  if (communicator.size() == 1) {
    if (failure) std::rethrow_exception(failure);
    return {stop, save, {tells}};
  }
  // One message: three sums, and a place for what each process tells.
  constexpr size_t kSums = 3;
  const auto processes = static_cast<size_t>(communicator.size());
  const auto rank = static_cast<size_t>(communicator.rank());
  std::vector<double> message(kSums + processes * tells.size());
  message[0] = failure ? 1 : 0;
  message[1] = stop ? 1 : 0;
  message[2] = rank == 0 && save ? 1 : 0;
  std::copy(tells.begin(), tells.end(),
            message.begin() +
                static_cast<std::ptrdiff_t>(kSums + rank * tells.size()));
  torch::Tensor all = at::tensor(message, torch::kDouble);
  communicator.sum(all);
  const auto* sum = all.const_data_ptr<double>();
  if (sum[0] > 0) {
    together = true;
    const auto messages = communicator.gather(message_of(failure));
    if (failure) {
      // A mistake of all is told once.
      if (rank > 0 && messages[rank] == messages[0]) log_no_more();
      const bool alone = std::count(messages.begin(), messages.end(), "") ==
                         static_cast<std::ptrdiff_t>(processes) - 1;
      if (alone && is_ours(failure)) fail_as(rank, messages[rank]);
      std::rethrow_exception(failure);
    }
    for (size_t other = 0; other < messages.size(); ++other) {
      if (messages[other].empty()) continue;
      // The first process tells it for all.
      if (rank > 0) log_no_more();
      fail_as(other, messages[other]);
    }
  }
  Agreement agreement{std::nullopt, sum[2] > 0, {}};
  for (size_t other = 0; other < processes; ++other) {
    const double* begin = sum + kSums + other * tells.size();
    agreement.told.emplace_back(begin, begin + tells.size());
  }
  if (sum[1] > 0) {
    const auto reasons = communicator.gather(stop.value_or(""));
    for (size_t other = 0; other < reasons.size() && !agreement.stop; ++other) {
      if (reasons[other].empty()) continue;
      agreement.stop = fmt::format("{} (process {})", reasons[other], other);
    }
  }
  return agreement;
}

bool failed_together() { return together; }

void check_same_texts(const distributed::Communicator& communicator,
                      const std::map<std::string, std::string>& texts) {
  if (communicator.size() == 1) return;
  std::string lines;
  for (const auto& [name, text] : texts) {
    lines += fmt::format("{}\t{:016x}\n", name, fnv1a64(text));
  }
  try {
    compare(communicator, lines, "before the first step");
  } catch (const distributed::LostProcess&) {
    throw;
  } catch (const RunError& error) {
    // The first process tells it for all.
    if (communicator.rank() > 0) log_no_more();
    throw ConfigError(error.what() + differences(communicator, texts));
  }
}

void check_same_tensors(const distributed::Communicator& communicator,
                        const std::map<std::string, torch::Tensor>& tensors,
                        const std::string& when) {
  if (communicator.size() == 1) return;
  std::string lines;
  for (const auto& [name, tensor] : tensors) {
    lines += fmt::format("{}\t{}\n", name, bits_of(tensor));
  }
  compare(communicator, lines, when);
}

}  // namespace unimiss::distributed
