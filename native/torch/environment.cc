// State of one JavaScript environment, kept as the addon's instance data.
#include "environment.h"

#include <utility>

namespace tagmask {
namespace {

struct Holder {
  std::shared_ptr<Environment> environment;
};

}  // namespace

const std::shared_ptr<Environment>& Environment::of(Napi::Env env) { return env.GetInstanceData<Holder>()->environment; }

void Environment::begin(Napi::Env env) {
  auto environment = std::make_shared<Environment>();
  env.SetInstanceData(new Holder{environment});
  // Nodes of a graph may outlive the environment on another thread: they hold it, too, and see that it is over.
  env.AddCleanupHook([environment = std::move(environment)] { environment->end(); });
}

void Environment::letGo(std::unique_ptr<Napi::FunctionReference> reference) {
  const std::lock_guard<std::mutex> guard(lock_);
  if (over_) reference->SuppressDestruct();
  else if (!isHere()) orphans_.push_back(std::move(reference));
}

void Environment::freeOrphans() {
  std::vector<std::unique_ptr<Napi::FunctionReference>> freed;
  const std::lock_guard<std::mutex> guard(lock_);
  freed.swap(orphans_);
}

void Environment::end() {
  freeOrphans();
  const std::lock_guard<std::mutex> guard(lock_);
  over_ = true;
}

}  // namespace tagmask
