#include "unimiss/distributed/gradient_reducer.h"

#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <optional>
#include <stdexcept>
#include <thread>
#include <torch/csrc/distributed/c10d/comm.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#include <unordered_map>

#include "distributed/communicator_implementation.h"
#include "unimiss/core/stopwatch.h"

#if __has_include(<torch/headeronly/version.h>)
#include <torch/headeronly/version.h>
#else
#include <torch/version.h>
#endif

namespace unimiss::distributed {

/// When the last bucket of a backward pass was ready: what comes after it is
/// spent waiting for the others.
class LastBucket {
 public:
  void mark(const torch::Tensor& bucket) {
    ready_.restart();
    if (!bucket.is_cuda()) return;
    stream_ = c10::impl::VirtualGuardImpl(bucket.device().type())
                  .getStream(bucket.device());
    event_.emplace(bucket.device().type(), c10::EventFlag::BACKEND_DEFAULT);
    event_->record(*stream_);
  }
  /// On a GPU waits for all that is queued; a step reads the gradients' norm
  /// next, so that it would wait anyway. Throws where another process has ended
  /// meanwhile, or nothing comes in time; NCCL's work is then given up, so that
  /// the GPU can be read again.
  double seconds_since(Communicator::Implementation& communicator) {
    if (!event_) return ready_.seconds();
    c10::Event end(stream_->device_type(), c10::EventFlag::BACKEND_DEFAULT);
    end.record(*stream_);
    constexpr double kBetweenLooks = 1;  // second
    Stopwatch looked;
    while (!end.query()) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
      if (looked.seconds() < kBetweenLooks) continue;
      looked.restart();
      const bool late = ready_.seconds() > communicator.timeout;
      if (!late && !some_peer_has_ended(communicator.company)) continue;
      communicator.group->abort();
      throw std::runtime_error(late ? "nothing came within the timeout"
                                    : "a process has ended");
    }
    return event_->elapsedTime(end) / 1000;
  }

 private:
  Stopwatch ready_;
  std::optional<c10::Stream> stream_;
  std::optional<c10::Event> event_;
};

namespace {

/// Leaves out what LibTorch says of strides: those of a parameter with a side
/// of 1 say nothing, and cost nothing.
class WithoutStrides : public c10::WarningHandler {
 public:
  explicit WithoutStrides(c10::WarningHandler& others) : others_(others) {}
  void process(const c10::Warning& warning) override {
    if (warning.msg().find("bucket view strides") != std::string::npos) return;
    others_.process(warning);
  }

 private:
  c10::WarningHandler& others_;
};

/// Averages a bucket, in another type where one is given.
class Average : public c10d::CppCommHookInterface<
                    c10::intrusive_ptr<c10d::ProcessGroup>> {
 public:
  Average(const c10::intrusive_ptr<c10d::ProcessGroup>& group,
          std::optional<torch::ScalarType> type,
          std::shared_ptr<LastBucket> last)
      : CppCommHookInterface(group), type_(type), last_(std::move(last)) {}

  c10::intrusive_ptr<c10::ivalue::Future> runHook(
      c10d::GradBucket& bucket) override {
    torch::Tensor& buffer = bucket.getBufferRef();
    if (bucket.isLast()) last_->mark(buffer);
    const torch::Tensor sent = type_ ? buffer.to(*type_) : buffer;
    // Divided first: sums of fp16 would overflow.
    sent.div_(state_->getSize());
    std::vector<at::Tensor> tensors{sent};
    auto done = state_->allreduce(tensors)->getFuture();
    if (!type_) return done;
    return done->then(
        [buffer](c10::ivalue::Future& result) {
          buffer.copy_(result.value().toTensorVector()[0]);
          return c10::IValue(buffer);
        },
        c10::TensorType::get());
  }

 private:
  std::optional<torch::ScalarType> type_;
  std::shared_ptr<LastBucket> last_;
};

constexpr bool kFindUnused = false;         // the caller says which take part
constexpr bool kGradientsAreViews = false;  // reducers share parameters

std::shared_ptr<c10d::Reducer> make_reducer(
    const c10::intrusive_ptr<c10d::ProcessGroup>& group,
    const std::vector<std::pair<std::string, torch::Tensor>>& named,
    const GradientReducerOptions& options) {
  std::vector<at::Tensor> parameters;
  std::unordered_map<size_t, std::string> names;
  for (const auto& [name, parameter] : named) {
    names[parameters.size()] = name;
    parameters.push_back(parameter);
  }
  const std::vector<bool> sparse(parameters.size(), false);
  // A small bucket first, so that the first is under way early.
  const auto most = static_cast<size_t>(options.bucket_bytes);
  const size_t first = std::min(most, size_t{1} << 20);
  auto [buckets, limits] = c10d::compute_bucket_assignment_by_size(
      parameters, {first, most}, sparse, {}, {});
  // Gradients come last layer first.
  std::reverse(buckets.begin(), buckets.end());
  auto reducer = std::make_shared<c10d::Reducer>(
      std::move(parameters), std::move(buckets), group, sparse,
      options.bucket_bytes, kFindUnused, kGradientsAreViews, std::move(names),
      static_cast<int64_t>(first)
#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 9
          ,
      /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false
#endif
#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 11
      ,
      /*bucket_bytes_cap_list=*/std::vector<int64_t>()
#endif
  );
  return reducer;
}

}  // namespace

struct GradientReducer::Implementation {
  Communicator::Implementation* communicator = nullptr;
  std::shared_ptr<LastBucket> last = std::make_shared<LastBucket>();
  std::shared_ptr<c10d::Reducer> reducer;  ///< null of one process
};

GradientReducer::GradientReducer(
    const Communicator& communicator,
    const std::vector<std::pair<std::string, torch::Tensor>>& parameters,
    const GradientReducerOptions& options)
    : implementation_(std::make_unique<Implementation>()) {
  if (communicator.size() == 1) return;
  implementation_->communicator = communicator.implementation_.get();
  const auto& group = implementation_->communicator->group;
  implementation_->reducer = make_reducer(group, parameters, options);
  implementation_->reducer->register_comm_hook(std::make_unique<Average>(
      group,
      options.fp16 ? std::optional(torch::kHalf)
                   : std::optional<torch::ScalarType>(),
      implementation_->last));
}

GradientReducer::~GradientReducer() {
  if (implementation_->reducer) {
    implementation_->reducer->remove_autograd_hooks();
  }
}

void GradientReducer::backward(const torch::Tensor& loss) {
  if (!implementation_->reducer) return loss.backward();
  auto& communicator = *implementation_->communicator;
  WithoutStrides handler(*c10::WarningUtils::get_warning_handler());
  const c10::WarningUtils::WarningHandlerGuard guard(&handler);
  try {
    implementation_->reducer->prepare_for_backward({});
    loss.backward();
    communicator.waited += implementation_->last->seconds_since(communicator);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const c10::DistError& error) {
    throw_lost(communicator.company, "averaging gradients", error);
  } catch (const c10::Error&) {
    throw;  // not the others' fault
  } catch (const std::exception& error) {
    throw_lost(communicator.company, "averaging gradients", error);
  }
}

}  // namespace unimiss::distributed
