// The pool of workspaces.
#include "workspace.h"

#include <mutex>
#include <thread>
#include <vector>

namespace tagmask::pixels {
namespace {

struct Pool {
  std::mutex mutex;
  std::vector<std::unique_ptr<Workspace>> idle;
};

Pool& pool() {
  static Pool* const only = new Pool;  // never destroyed: a thread may outlive static objects
  return *only;
}

}  // namespace

WorkspaceLease::WorkspaceLease() {
  const std::lock_guard lock(pool().mutex);
  auto& idle = pool().idle;
  if (idle.empty()) {
    workspace_ = std::make_unique<Workspace>();
  } else {
    workspace_ = std::move(idle.back());
    idle.pop_back();
  }
}

WorkspaceLease::~WorkspaceLease() {
  const std::lock_guard lock(pool().mutex);
  auto& idle = pool().idle;
  idle.reserve(std::thread::hardware_concurrency());
  if (idle.size() < idle.capacity()) idle.push_back(std::move(workspace_));
}

}  // namespace tagmask::pixels
