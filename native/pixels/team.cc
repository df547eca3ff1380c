// The threads that share one image.
#include "team.h"

#include <system_error>
#include <utility>

#ifdef __SSE2__
#include <xmmintrin.h>
#endif

namespace tagmask::pixels {

#ifdef __SSE2__
FlushDenormals::FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | 0x8040); }
FlushDenormals::~FlushDenormals() { _mm_setcsr(saved_); }
#else
FlushDenormals::FlushDenormals() = default;
FlushDenormals::~FlushDenormals() = default;
#endif

Team::Team(int size) {
  try {
    for (int part = 1; part < size; part++) {
      threads_.emplace_back([this, part] {
        const FlushDenormals flush;
        for (uint64_t seen = 0;;) {
          std::unique_lock lock(mutex_);
          start_.wait(lock, [&] { return over_ || round_ != seen; });
          if (over_) return;
          seen = round_;
          lock.unlock();
          attempt(part);
          lock.lock();
          if (--busy_ == 0) finished_.notify_one();
        }
      });
    }
  } catch (const std::system_error&) {
    // The system has no more threads: those there are do.
  }
}

Team::~Team() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  start_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Team::attempt(int part) {
  try {
    (*task_)(part);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
}

void Team::run(const std::function<void(int)>& task) {
  if (threads_.empty()) return task(0);
  {
    const std::lock_guard lock(mutex_);
    task_ = &task;
    busy_ = int(threads_.size());
    round_++;
  }
  start_.notify_all();
  attempt(0);
  std::unique_lock lock(mutex_);
  finished_.wait(lock, [&] { return busy_ == 0; });
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace tagmask::pixels
