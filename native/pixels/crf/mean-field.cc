// Mean field: Q <- softmax(-U + sum_k compat_k D_k^-1/2 K_k D_k^-1/2 Q), D_k the row sums of K_k.
// The filter is linear and Q adds up to 1, so the last label's message is the filtered constant minus the other
// labels' messages and is never filtered itself. A block of pixels is sliced, normalised and splatted again while its
// rows are in the cache: Q is never stored.
#include "mean-field.h"

#include <algorithm>

#include "row-kernels.h"
#include "../team.h"
#include "unary.h"
#include "workspace.h"

namespace tagmask::pixels {
namespace {

class Inference {
 public:
  Inference(const Problem& problem, float* probabilities)
      : problem_(problem),
        probabilities_(probabilities),
        order_(problem.order()),
        kernels_(rowKernels(rowChannels(problem.labels))),
        team_(problem.threads),
        bias_((*lease_).bias) {}

  void run() {
    prepareBias();
    prepareTerms();
    step(false, terms_.empty());
    if (terms_.empty()) return;
    for (int i = 1; i <= problem_.iterations; i++) {
      for (Term* term : terms_) term->blur(kernels_, term->compat, team_);
      step(true, i == problem_.iterations);
    }
  }

 private:
  void prepareBias() {
    const size_t size = order_.pixels() * kernels_.channels, padding = 3 * kernels_.channels;  // softmax reads by fours
    float* bias = bias_.resize(size + padding);
    std::fill_n(bias + size, padding, 0.0f);
    team_.each(order_.segments(), [&](int segment) {
      order_.eachBlock(segment, [&](const Block& block) { unaryBias(problem_, kernels_, block, bias); });
    });
  }

  void prepareTerms() {
    const auto wanted = [&](const std::optional<Kernel>& kernel) {
      return problem_.iterations > 0 && kernel && kernel->compat != 0;
    };
    const auto add = [&](Term& term, float compat) {
      term.compat = compat * kLog2e;
      term.normalise(order_, team_);
      term.resize(kernels_.channels);
      terms_.push_back(&term);
    };
    Workspace& space = *lease_;
    if (wanted(problem_.bilateral)) {
      space.colour.lattice.buildColour(problem_, *problem_.bilateral, team_);
      add(space.colour, problem_.bilateral->compat);
    }
    if (wanted(problem_.gaussian)) {
      space.plane.lattice.buildPlane(problem_, *problem_.gaussian, team_);
      add(space.plane, problem_.gaussian->compat);
    }
  }

  // Makes Q of every pixel, from the blurred terms or, at first, from the unary alone; splats it, or writes it out.
  void step(bool messages, bool final) {
    team_.each(order_.segments(), [&](int segment) {
      std::vector<float> q(size_t(kBlock) * kernels_.channels);
      float last[kBlock];
      if (!final) {
        for (Term* term : terms_) term->clear(kernels_, segment);
      }
      order_.eachBlock(segment, [&](const Block& block) {
        blockProbabilities(segment, block, messages, q.data(), last);
        if (final) return writeBlock(block, q.data(), last);
        for (Term* term : terms_) term->scatter(kernels_, segment, block.slot, block.count, q.data());
      });
    });
  }

  // Q of the pixels of a block in q, the last label's in last.
  void blockProbabilities(int segment, const Block& block, bool messages, float* q, float* last) {
    const int channels = kernels_.channels, count = block.count;
    float* bias = bias_.data() + block.slot * channels;
    if (!messages) std::fill_n(q, count * channels, 0.0f);
    for (size_t k = 0; messages && k < terms_.size(); k++) terms_[k]->gather(kernels_, segment, block.slot, count, q, k > 0);
    std::fill(q + count * channels, q + (count + 3) / 4 * 4 * channels, 0.0f);
    kernels_.softmax(q, bias, last, count, channels);
    if (messages) return;
    for (const Term* term : terms_) {  // from now on the bias holds the last label's share of the constant
      for (int i = 0; i < count; i++) {
        const float constant = term->constant[block.slot + i];
        for (int c = 0; c < channels; c++) bias[i * channels + c] -= constant;
      }
    }
  }

  void writeBlock(const Block& block, const float* q, const float* last) {
    const int others = problem_.labels - 1;
    for (int label = 0; label < others; label++) {
      float* to = probabilities_ + label * problem_.pixels() + block.pixel;
      for (int i = 0; i < block.count; i++) to[i] = q[i * kernels_.channels + label];
    }
    std::copy_n(last, block.count, probabilities_ + others * problem_.pixels() + block.pixel);
  }

  const Problem& problem_;
  float* const probabilities_;
  const PixelOrder order_;
  const RowKernels kernels_;
  WorkspaceLease lease_;
  Team team_;
  Buffer<float>& bias_;
  std::vector<Term*> terms_;
};

}  // namespace

void infer(const Problem& problem, float* probabilities) {
  const FlushDenormals flush;
  if (problem.labels == 1) {
    std::fill_n(probabilities, problem.pixels(), 1.0f);
    return;
  }
  Inference(problem, probabilities).run();
}

}  // namespace tagmask::pixels
