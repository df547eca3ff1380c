// The arrays of one image in work, kept for the next image: the first touch of fresh memory costs as much as a step
// of the mean field. At most one a processor stays allocated.
#pragma once
#include <memory>

#include "term.h"

namespace tagmask::pixels {

struct Workspace {
  Term colour, plane;
  Buffer<float> bias;  // [slots][channels]
};

// A workspace for as long as the lease lives.
class WorkspaceLease {
 public:
  WorkspaceLease();
  ~WorkspaceLease();
  WorkspaceLease(const WorkspaceLease&) = delete;
  WorkspaceLease& operator=(const WorkspaceLease&) = delete;

  Workspace& operator*() const { return *workspace_; }

 private:
  std::unique_ptr<Workspace> workspace_;
};

}  // namespace tagmask::pixels
