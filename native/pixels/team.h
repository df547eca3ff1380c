// The threads that share one image. The caller is one of them; with a size of 1 no thread is started.
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tagmask::pixels {

class Team {
 public:
  explicit Team(int size);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return int(threads_.size()) + 1; }
  // Calls task(part) for part = 0 .. size() - 1 at once and waits for all; rethrows what a part threw.
  void run(const std::function<void(int part)>& task);
  // task(i) for i = 0 .. count - 1, each taken by whoever is free.
  template <class Task>
  void each(int count, Task task) {
    std::atomic<int> next{0};
    run([&](int) {
      for (int i = next++; i < count; i = next++) task(i);
    });
  }
  // task(begin, end) for size() ranges that cut [0, count) at multiples of grain.
  template <class Task>
  void split(size_t count, size_t grain, Task task) {
    const size_t grains = (count + grain - 1) / grain;
    run([&](int part) {
      const size_t begin = grains * part / size() * grain, end = grains * (part + 1) / size() * grain;
      if (begin < count && begin < end) task(begin, end < count ? end : count);
    });
  }

 private:
  void attempt(int part);

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable start_, finished_;
  const std::function<void(int)>* task_ = nullptr;
  uint64_t round_ = 0;
  int busy_ = 0;
  bool over_ = false;
  std::exception_ptr failure_;
};

// Denormals cost a hundred cycles each and mean nothing here: off while in scope, on this thread.
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();

 private:
  unsigned saved_ = 0;
};

}  // namespace tagmask::pixels
