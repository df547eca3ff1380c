// A group of processes, and the reducer that averages gradients over it while backward still runs. Only where gloo's headers are.
#pragma once
#include <ATen/ATen.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef TAGMASK_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tensor.h"
#include "torch-version.h"

namespace tagmask {

#if TORCH_VERSION_MAJOR < 2
using Collectives = c10d::ProcessGroup;
#else
using Collectives = c10d::Backend;
#endif

struct GroupOptions {
  int rank = 0, size = 1;
  std::string host;
  uint16_t port = 0;
  std::chrono::milliseconds join{0};     // how long all processes may take to come
  std::chrono::milliseconds silence{0};  // a process that shows no sign of life for this long is lost
};

// A collective on its way; the tensors live as long.
struct Started {
  c10::intrusive_ptr<c10d::Work> work;
  std::vector<at::Tensor> tensors;
};

class ProcessGroup {
 public:
  // Blocks until all processes are there. Throws c10::Error.
  explicit ProcessGroup(const GroupOptions& options);
  ~ProcessGroup();

  Started broadcast(at::Tensor tensor, int root);
  Started allReduce(at::Tensor tensor);
  // Throws c10::Error when a process ended, or shows no sign of life.
  void wait(const Started& started);

  void set(const std::string& key, const std::string& value);
  std::optional<std::string> get(const std::string& key);
  // Milliseconds since the last sign of life of each process at the last look, a second ago at most; 0 for this one.
  std::vector<int64_t> silences();

  // Closes the connections for collectives, so that whoever waits for this process hears of it; the store stays.
  void disconnect();
  // Closes the store too. All that was begun must be done, or disconnect() called.
  void leave();

 private:
  GroupOptions options_;
  c10::intrusive_ptr<c10d::Store> store_;
  c10::intrusive_ptr<Collectives> collectives_;
#ifdef TAGMASK_NCCL
  c10::intrusive_ptr<Collectives> nccl_;  // made when the first tensor of a GPU comes
#endif
  std::vector<c10::intrusive_ptr<c10d::Work>> begun_;  // and perhaps not done
  std::mutex storeLock_;
  // the thread with the signs of life
  std::thread pulse_;
  std::mutex pulseLock_;
  std::condition_variable pulseEnds_;
  bool ending_ = false;
  std::vector<int64_t> beats_;
  std::vector<std::chrono::steady_clock::time_point> heard_;
  std::chrono::steady_clock::time_point pulsed_;  // the last look at the others
  std::atomic<int> lost_{-1};

  Collectives& collectivesOf(const at::Tensor& tensor);
  Started begin(c10::intrusive_ptr<c10d::Work> work, std::vector<at::Tensor> tensors);
  void beat();
};

class Reducer : public std::enable_shared_from_this<Reducer> {
 public:
  // Buckets of at most `bytes` (or one leaf), in the order of the leaves.
  static std::shared_ptr<Reducer> open(std::shared_ptr<ProcessGroup> group, std::vector<at::Tensor> leaves, size_t bytes);

  void begin(double weight);
  void sendRest();   // what backward has left: leaves without a gradient count as zero
  void wait();       // off the main thread
  void giveBack();   // each gradient that some process has is the weighted sum over all
  void close();

  int64_t early = 0;  // buckets of the last step that were sent while backward ran

 private:
  struct Bucket {
    at::Tensor flat;
    size_t missing = 0, leaves = 0;
  };
  struct Leaf {
    at::Tensor tensor, view;  // view: its place in the bucket
    size_t bucket = 0;
    bool ready = false;
  };
  std::shared_ptr<ProcessGroup> group_;
  std::vector<Leaf> leaves_;
  std::vector<Bucket> buckets_;
  std::vector<decltype(torch::autograd::impl::grad_accumulator(at::Tensor()))> accumulators_;
  at::Tensor given_;  // how many processes have a gradient of each leaf
  std::vector<Started> started_;
  size_t next_ = 0;  // buckets go in order, the same in every process
  double weight_ = 1;
  std::atomic<bool> active_{false};
  std::mutex lock_;

  void take(size_t index);
  void sendReady();
};

}  // namespace tagmask
