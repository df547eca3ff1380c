// A group of processes, and the reducer that averages gradients over it while backward still runs.
#ifdef TAGMASK_GLOO
#include "process-group.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstdlib>

namespace tagmask {
namespace {

using namespace std::chrono_literals;

// A lost process closes its connections, and a silent one is found by its signs of life: gloo's own limit never decides.
constexpr auto kLongest = std::chrono::hours(24 * 30);
constexpr auto kBeat = 1s;
constexpr auto kAsleep = 5s;

c10::intrusive_ptr<c10d::TCPStore> openStore(const GroupOptions& options, bool serves) {
  c10d::TCPStoreOptions store;
  store.port = options.port;
  store.isServer = serves;
  if (serves) store.numWorkers = static_cast<size_t>(options.size);
  store.waitWorkers = false;
  store.timeout = options.join;
  return c10::make_intrusive<c10d::TCPStore>(options.host, store);
}

std::shared_ptr<::gloo::transport::Device> deviceOf(const GroupOptions& options) {
  if (const char* interface = std::getenv("GLOO_SOCKET_IFNAME"))
    return c10d::ProcessGroupGloo::createDeviceForInterface(interface);
  if (options.host == "127.0.0.1" || options.host == "localhost")
    return c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1");
  return c10d::ProcessGroupGloo::createDefaultDevice();
}

c10::intrusive_ptr<Collectives> openGloo(const GroupOptions& options, const c10::intrusive_ptr<c10d::Store>& store) {
  auto gloo = c10d::ProcessGroupGloo::Options::create(kLongest);
  gloo->devices.push_back(deviceOf(options));
  gloo->threads = 2;
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, options.rank, options.size, gloo);
}

#ifdef TAGMASK_NCCL
c10::intrusive_ptr<Collectives> openNccl(const GroupOptions& options, const c10::intrusive_ptr<c10d::Store>& store) {
  auto nccl = c10d::ProcessGroupNCCL::Options::create();
  nccl->timeout = kLongest;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, options.rank, options.size, nccl);
}
#endif

std::string beatKey(int rank) { return "beat/" + std::to_string(rank); }

}  // namespace

ProcessGroup::ProcessGroup(const GroupOptions& options) : options_(options) {
  store_ = openStore(options, options.rank == 0);
  // Everybody is there before the connections are made, which have the long limit.
  const auto deadline = std::chrono::steady_clock::now() + options.join;
  store_->add("here", 1);
  while (store_->add("here", 0) < options.size) {
    TORCH_CHECK(std::chrono::steady_clock::now() < deadline, "only ", store_->add("here", 0), " of ", options.size,
                " processes came within ", std::chrono::duration_cast<std::chrono::seconds>(options.join).count(), " s");
    std::this_thread::sleep_for(20ms);
  }
  collectives_ = openGloo(options, store_);
  beats_.assign(options.size, 0);
  pulsed_ = std::chrono::steady_clock::now();
  heard_.assign(options.size, pulsed_);
  pulse_ = std::thread([this] { beat(); });
}

ProcessGroup::~ProcessGroup() {
  disconnect();
  leave();
}

Started ProcessGroup::begin(c10::intrusive_ptr<c10d::Work> work, std::vector<at::Tensor> tensors) {
  begun_.erase(std::remove_if(begun_.begin(), begun_.end(), [](const auto& one) { return one->isCompleted(); }),
               begun_.end());
  begun_.push_back(work);
  return {std::move(work), std::move(tensors)};
}

Collectives& ProcessGroup::collectivesOf(const at::Tensor& tensor) {
  TORCH_CHECK(collectives_, "the process has left its group");
  if (!tensor.is_cuda()) return *collectives_;
#ifdef TAGMASK_NCCL
  if (!nccl_) nccl_ = openNccl(options_, store_);
  return *nccl_;
#else
  TORCH_CHECK(false, "this build of the addon sums tensors of a GPU with NCCL only, which it was built without");
#endif
}

Started ProcessGroup::broadcast(at::Tensor tensor, int root) {
  TORCH_CHECK(tensor.is_contiguous(), "a tensor to be sent must be contiguous");
  c10d::BroadcastOptions options;
  options.rootRank = root;
  std::vector<at::Tensor> tensors{tensor.detach()};
  auto work = collectivesOf(tensor).broadcast(tensors, options);
  return begin(std::move(work), std::move(tensors));
}

Started ProcessGroup::allReduce(at::Tensor tensor) {
  TORCH_CHECK(tensor.is_contiguous(), "a tensor to be summed must be contiguous");
  std::vector<at::Tensor> tensors{tensor.detach()};
  auto work = collectivesOf(tensor).allreduce(tensors);
  return begin(std::move(work), std::move(tensors));
}

void ProcessGroup::wait(const Started& started) {
  for (;;) {
    try {
      started.work->wait(500ms);
      return;
    } catch (const std::exception& error) {
      const int lost = lost_;
      TORCH_CHECK(lost < 0, "process ", lost, " shows no sign of life");
      if (!started.work->isCompleted()) continue;  // only the half second has passed
      if (started.work->isSuccess()) return;
      TORCH_CHECK(false, error.what());
    }
  }
}

void ProcessGroup::set(const std::string& key, const std::string& value) {
  std::lock_guard<std::mutex> lock(storeLock_);
  TORCH_CHECK(store_, "the process has left its group");
  store_->set(key, std::vector<uint8_t>(value.begin(), value.end()));
}

std::optional<std::string> ProcessGroup::get(const std::string& key) {
  std::lock_guard<std::mutex> lock(storeLock_);
  TORCH_CHECK(store_, "the process has left its group");
  if (!store_->check({key})) return std::nullopt;
  const auto bytes = store_->get(key);
  return std::string(bytes.begin(), bytes.end());
}

// A connection of its own: the store answers one call at a time.
void ProcessGroup::beat() {
  const auto now = [] { return std::chrono::steady_clock::now(); };
  try {
    auto store = openStore(options_, false);
    for (;;) {
      store->add(beatKey(options_.rank), 1);
      {
        std::lock_guard<std::mutex> lock(pulseLock_);
        // stopped (Ctrl-Z) and continued, and so were the others, perhaps: they have their time again
        if (now() - pulsed_ > kAsleep) heard_.assign(options_.size, now());
        pulsed_ = now();
      }
      for (int rank = 0; rank < options_.size; ++rank) {
        const int64_t beats = store->add(beatKey(rank), 0);
        std::lock_guard<std::mutex> lock(pulseLock_);
        if (beats != beats_[rank] || rank == options_.rank) heard_[rank] = now();
        beats_[rank] = beats;
        if (pulsed_ - heard_[rank] > options_.silence) lost_ = rank;
      }
      std::unique_lock<std::mutex> lock(pulseLock_);
      if (pulseEnds_.wait_for(lock, kBeat, [this] { return ending_; })) return;
    }
  } catch (const std::exception&) {
    std::lock_guard<std::mutex> lock(pulseLock_);
    if (!ending_ && options_.rank != 0) lost_ = 0;  // the store is in process 0
  }
}

std::vector<int64_t> ProcessGroup::silences() {
  std::lock_guard<std::mutex> lock(pulseLock_);
  std::vector<int64_t> out;
  for (const auto& heard : heard_)
    out.push_back(std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::milliseconds>(pulsed_ - heard).count()));
  return out;
}

void ProcessGroup::disconnect() {
  // Its destructor waits for all that was begun, which may never be done: then the end of the process closes them.
  const bool idle = std::all_of(begun_.begin(), begun_.end(), [](const auto& one) { return one->isCompleted(); });
  begun_.clear();
  if (!idle && collectives_) (void)collectives_.release();
#ifdef TAGMASK_NCCL
  if (!idle && nccl_) (void)nccl_.release();
  nccl_.reset();
#endif
  collectives_.reset();
}

void ProcessGroup::leave() {
  {
    std::lock_guard<std::mutex> lock(pulseLock_);
    ending_ = true;
  }
  pulseEnds_.notify_all();
  if (pulse_.joinable()) pulse_.join();
  disconnect();
  std::lock_guard<std::mutex> lock(storeLock_);
  store_.reset();
}

namespace {

struct LeafHook : public torch::autograd::FunctionPostHook {
  std::function<void()> call;
  explicit LeafHook(std::function<void()> given) : call(std::move(given)) {}
  torch::autograd::variable_list operator()(const torch::autograd::variable_list& outputs,
                                            const torch::autograd::variable_list&) override {
    call();
    return outputs;
  }
};

}  // namespace

std::shared_ptr<Reducer> Reducer::open(std::shared_ptr<ProcessGroup> group, std::vector<at::Tensor> leaves, size_t bytes) {
  auto reducer = std::make_shared<Reducer>();
  reducer->group_ = std::move(group);
  std::vector<std::vector<size_t>> members;
  size_t room = 0;
  const auto fits = [&](const at::Tensor& leaf) {
    const auto& last = leaves[members.back().back()];
    return leaf.nbytes() <= room && leaf.scalar_type() == last.scalar_type() && leaf.device() == last.device();
  };
  for (size_t i = 0; i < leaves.size(); ++i) {
    TORCH_CHECK(leaves[i].is_leaf() && leaves[i].requires_grad(), "only leaves have gradients to be averaged");
    if (members.empty() || !fits(leaves[i])) {
      members.emplace_back();
      room = bytes;
    }
    members.back().push_back(i);
    room -= std::min<size_t>(room, leaves[i].nbytes());
  }
  reducer->leaves_.resize(leaves.size());
  for (const auto& own : members) {
    int64_t length = 0;
    for (const size_t i : own) length += leaves[i].numel();
    Bucket bucket;
    bucket.flat = at::zeros({length}, leaves[own.front()].options().requires_grad(false));
    bucket.leaves = own.size();
    int64_t at = 0;
    for (const size_t i : own) {
      auto& leaf = reducer->leaves_[i];
      leaf.tensor = leaves[i];
      leaf.bucket = reducer->buckets_.size();
      leaf.view = bucket.flat.narrow(0, at, leaves[i].numel()).view(leaves[i].sizes());
      at += leaves[i].numel();
    }
    reducer->buckets_.push_back(std::move(bucket));
  }
  const std::weak_ptr<Reducer> weak = reducer;
  for (size_t i = 0; i < leaves.size(); ++i) {
    auto accumulator = torch::autograd::impl::grad_accumulator(leaves[i]);
    accumulator->add_post_hook(std::make_unique<LeafHook>([weak, i] {
      if (const auto strong = weak.lock()) strong->take(i);
    }));
    reducer->accumulators_.push_back(std::move(accumulator));
  }
  return reducer;
}

void Reducer::begin(double weight) {
  std::lock_guard<std::mutex> lock(lock_);
  weight_ = weight;
  next_ = 0;
  early = 0;
  started_.clear();
  for (auto& bucket : buckets_) bucket.missing = bucket.leaves;
  for (auto& leaf : leaves_) leaf.ready = false;
  active_ = true;
}

// In backward, after a leaf's gradient is complete.
void Reducer::take(size_t index) {
  if (!active_) return;
  std::lock_guard<std::mutex> lock(lock_);
  at::NoGradGuard noGrad;
  auto& leaf = leaves_[index];
  TORCH_CHECK(!leaf.ready, "a gradient came twice in one step");
  at::mul_out(leaf.view, leaf.tensor.grad(), at::scalar_tensor(weight_));
  leaf.ready = true;
  buckets_[leaf.bucket].missing--;
  const size_t before = next_;
  sendReady();
  early += static_cast<int64_t>(next_ - before);
}

void Reducer::sendReady() {
  for (; next_ < buckets_.size() && buckets_[next_].missing == 0; ++next_)
    started_.push_back(group_->allReduce(buckets_[next_].flat));
}

void Reducer::sendRest() {
  std::lock_guard<std::mutex> lock(lock_);
  at::NoGradGuard noGrad;
  active_ = false;
  std::vector<float> given;
  for (auto& leaf : leaves_) {
    given.push_back(leaf.ready ? 1.f : 0.f);
    if (leaf.ready) continue;
    leaf.view.zero_();
    buckets_[leaf.bucket].missing--;
  }
  sendReady();
  given_ = at::tensor(given).to(buckets_.empty() ? at::Device(at::kCPU) : buckets_.front().flat.device());
  started_.push_back(group_->allReduce(given_));
}

void Reducer::wait() {
  for (const auto& one : started_) group_->wait(one);
}

void Reducer::giveBack() {
  std::lock_guard<std::mutex> lock(lock_);
  started_.clear();
  const at::Tensor given = given_.to(at::kCPU);
  const float* counts = given.data_ptr<float>();
  for (size_t i = 0; i < leaves_.size(); ++i)
    leaves_[i].tensor.mutable_grad() = counts[i] > 0 ? leaves_[i].view : at::Tensor();
}

void Reducer::close() {
  std::lock_guard<std::mutex> lock(lock_);
  active_ = false;
  for (auto& leaf : leaves_) leaf.tensor.mutable_grad() = at::Tensor();
  accumulators_.clear();
  leaves_.clear();
  buckets_.clear();
  started_.clear();
}

}  // namespace tagmask
#endif
