// What belongs to one JavaScript environment (the main thread, or a worker): nothing of it is shared between threads.
#pragma once
#include <ATen/core/dispatch/Dispatcher.h>
#include <napi.h>

#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace tagmask {

class Environment {
 public:
  // The environment of a call; it lives until the last finalizer of the environment has run.
  static const std::shared_ptr<Environment>& of(Napi::Env env);
  static void begin(Napi::Env env);

  bool isHere() const { return std::this_thread::get_id() == thread_; }

  // Frees a reference from whatever thread: at once on its own, later when another let it go, and never once the
  // environment is torn down, which freed it.
  void letGo(std::unique_ptr<Napi::FunctionReference> reference);
  void freeOrphans();

  std::vector<c10::OperatorHandle> operators;  // addressed by index from JavaScript
  int64_t live = 0;                            // handles not yet disposed
  int64_t reported = 0;                        // bytes that V8 was told of

 private:
  const std::thread::id thread_ = std::this_thread::get_id();
  std::mutex lock_;
  bool over_ = false;
  std::vector<std::unique_ptr<Napi::FunctionReference>> orphans_;

  void end();
};

}  // namespace tagmask
