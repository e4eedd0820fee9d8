#include "unimiss/distributed/communicator.h"

#include <ATen/Functions.h>
#include <c10/util/intrusive_ptr.h>
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <utility>

#include "distributed/communicator_implementation.h"
#include "distributed/meeting.h"
#include "distributed/nccl_backend.h"
#include "distributed/own_address.h"
#include "distributed/quiet_c10d.h"
#include "unimiss/core/error.h"
#include "unimiss/core/error_message.h"

namespace unimiss::distributed {
namespace {

using Gloo = c10d::ProcessGroupGloo;

/// Where this machine is reached by the others.
auto gloo_device(const World& world) {
  // As PyTorch names it.
  if (const char* interface = std::getenv("GLOO_SOCKET_IFNAME")) {
    try {
      return Gloo::createDeviceForInterface(interface);
    } catch (const std::exception& error) {
      throw ConfigError(fmt::format(
          "GLOO_SOCKET_IFNAME: {} cannot be used on this machine ({}); `ip "
          "address` lists its networks",
          interface, error_message(error)));
    }
  }
  if (world.local_size == world.size) {
    return Gloo::createDeviceForHostname("127.0.0.1");
  }
  const std::string address = own_address(world.address);
  return address.empty() ? Gloo::createDefaultDevice()
                         : Gloo::createDeviceForHostname(address);
}

c10::intrusive_ptr<c10d::Backend> make_gloo(
    const c10::intrusive_ptr<c10d::Store>& store, const World& world,
    std::chrono::seconds timeout) {
  auto options = Gloo::Options::create(timeout);
  options->devices = {gloo_device(world)};
  return c10::make_intrusive<Gloo>(
      c10::make_intrusive<c10d::PrefixStore>("gloo", store),
      static_cast<int>(world.rank), static_cast<int>(world.size), options);
}

}  // namespace

Communicator::Communicator()
    : implementation_(std::make_unique<Implementation>()) {}

Communicator::Communicator(const World& world, torch::Device device,
                           std::chrono::seconds timeout)
    : Communicator() {
  implementation_->company.world = world;
  implementation_->device = device;
  implementation_->timeout = static_cast<double>(timeout.count());
  if (world.size == 1) return;
  const QuietC10d quiet;
  const auto store = meet(world, timeout);
  implementation_->company.store = store;
  try {
    auto group = c10::make_intrusive<c10d::ProcessGroup>(
        store, static_cast<int>(world.rank), static_cast<int>(world.size));
    group->setBackend(c10::DeviceType::CPU,
                      c10d::ProcessGroup::BackendType::GLOO,
                      make_gloo(store, world, timeout));
    group->setDefaultBackend(c10d::ProcessGroup::BackendType::GLOO);
    if (device.is_cuda()) {
      group->setBackend(c10::DeviceType::CUDA,
                        c10d::ProcessGroup::BackendType::NCCL,
                        make_nccl_backend(store, world, device, timeout));
    }
    group->setGroupName("unimiss");
    implementation_->group = std::move(group);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw_lost(implementation_->company, "meeting them", error);
  }
  implementation_->company.peers = peers_of(gather(own_place()));
  implementation_->waited = 0;
}

Communicator::~Communicator() = default;
Communicator::Communicator(Communicator&&) noexcept = default;
Communicator& Communicator::operator=(Communicator&&) noexcept = default;

const World& Communicator::world() const {
  return implementation_->company.world;
}

void Communicator::sum(torch::Tensor& tensor) const {
  if (size() == 1) return;
  std::vector<at::Tensor> tensors{tensor};
  implementation_->together("adding up numbers", [&] {
    return implementation_->group->allreduce(tensors);
  });
}

void Communicator::mean(torch::Tensor& tensor) const {
  if (size() == 1) return;
  sum(tensor);
  tensor.div_(size());
}

void Communicator::broadcast(const std::vector<torch::Tensor>& tensors) const {
  if (size() == 1) return;
  const torch::NoGradGuard no_grad;
  for (const torch::Tensor& tensor : tensors) {
    std::vector<at::Tensor> sent{tensor.detach().contiguous()};
    implementation_->together("handing out numbers", [&] {
      return implementation_->group->broadcast(sent);
    });
    if (!sent[0].is_same(tensor)) tensor.detach().copy_(sent[0]);
  }
}

std::vector<torch::Tensor> Communicator::gather(
    const torch::Tensor& tensor) const {
  if (size() == 1) return {tensor};
  std::vector<at::Tensor> own{tensor.contiguous()};
  std::vector<std::vector<at::Tensor>> all(1);
  for (int64_t i = 0; i < size(); ++i) all[0].push_back(at::empty_like(own[0]));
  implementation_->together("collecting numbers", [&] {
    return implementation_->group->allgather(all, own);
  });
  return std::move(all[0]);
}

std::vector<std::string> Communicator::gather(const std::string& text) const {
  if (size() == 1) return {text};
  int64_t longest = 0;
  std::vector<int64_t> lengths;
  for (const torch::Tensor& length :
       gather(at::full({1}, static_cast<int64_t>(text.size()), torch::kLong))) {
    lengths.push_back(length.item<int64_t>());
    longest = std::max(longest, lengths.back());
  }
  torch::Tensor own = at::zeros({std::max<int64_t>(longest, 1)}, torch::kByte);
  if (!text.empty()) std::memcpy(own.data_ptr(), text.data(), text.size());
  const auto all = gather(own);
  std::vector<std::string> texts;
  texts.reserve(all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    texts.emplace_back(static_cast<const char*>(all[i].data_ptr()), lengths[i]);
  }
  return texts;
}

double Communicator::waited() const { return implementation_->waited; }

void Communicator::barrier() const {
  if (size() == 1) return;
  // Of the CPUs: it does not wait for work that GPUs still have to do.
  torch::Tensor nothing = at::zeros({1});
  std::vector<at::Tensor> tensors{nothing};
  implementation_->together("waiting for each other", [&] {
    return implementation_->group->allreduce(tensors);
  });
}

}  // namespace unimiss::distributed
