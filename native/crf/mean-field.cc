// Mean field: Q <- softmax(-U + sum_k compat_k D_k^-1/2 K_k D_k^-1/2 Q), D_k the row sums of K_k.
// The filter is linear and Q adds up to 1, so the last label's message is the filtered constant minus the other
// labels' messages and is never filtered itself. On one thread a block of pixels is sliced, normalised and splatted
// while its rows are in the cache; on several, the splat is a sum per vertex over the same pixels in the same order.
#include "mean-field.h"

#include <algorithm>

#include "row-kernels.h"
#include "team.h"
#include "unary.h"
#include "workspace.h"

namespace tagmask::crf {
namespace {

class Inference {
 public:
  Inference(const Problem& problem, float* probabilities)
      : problem_(problem),
        probabilities_(probabilities),
        order_(problem.order()),
        kernels_(rowKernels(rowChannels(problem.labels))),
        team_(problem.threads),
        bias_((*lease_).bias),
        rows_((*lease_).rows) {}

  void run() {
    prepareBias();
    prepareTerms();
    step(false, terms_.empty());
    if (terms_.empty()) return;
    for (int i = 1; i <= problem_.iterations; i++) {
      for (Term* term : terms_) {
        term->blur(kernels_, term->compat, team_);
        if (!shared()) term->clearSplatted(kernels_.channels);
      }
      step(true, i == problem_.iterations);
    }
  }

 private:
  bool shared() const { return team_.size() > 1; }

  template <class Task>
  void eachBlock(Task task) {
    team_.split(order_.blocks(), 1, [&](size_t begin, size_t end) {
      for (size_t b = begin; b < end; b++) task(order_.block(b), order_.block(std::min(b + 1, order_.blocks() - 1)));
    });
  }

  void prepareBias() {
    const size_t size = (problem_.pixels() + 3) * kernels_.channels;  // softmax reads by fours
    float* bias = bias_.resize(size);
    std::fill(bias + problem_.pixels() * kernels_.channels, bias + size, 0.0f);
    eachBlock([&](const Block& block, const Block&) { unaryBias(problem_, kernels_, block, bias); });
    if (shared()) rows_.resize(problem_.pixels() * kernels_.channels);
  }

  void prepareTerms() {
    Workspace& space = *lease_;
    const auto add = [&](const std::optional<Kernel>& kernel, Term& term) {
      if (!kernel || kernel->compat == 0 || problem_.iterations == 0) return;
      term.compat = kernel->compat * kLog2e;
      terms_.push_back(&term);
    };
    add(problem_.bilateral, space.colour);
    add(problem_.gaussian, space.plane);
    team_.run([&](int part) {
      for (size_t k = part; k < terms_.size(); k += team_.size()) {
        Term& term = *terms_[k];
        if (&term == &space.colour) {
          term.lattice.buildColour(problem_, *problem_.bilateral);
        } else {
          term.lattice.buildPlane(problem_, *problem_.gaussian);
        }
        term.normalise(problem_.pixels());
        if (shared()) term.invert(problem_.pixels());
        term.clear(kernels_.channels);
      }
    });
  }

  // Makes Q of every pixel, from the blurred rows or, at first, from the unary alone; splats it, or writes it out.
  void step(bool messages, bool final) {
    eachBlock([&](const Block& block, const Block& next) {
      static thread_local Buffer<float> scratch;
      float last[kBlock];
      float* q = scratch.resize(size_t(kBlock) * kernels_.channels);
      blockProbabilities(block, messages, q, last);
      if (final) {
        writeBlock(block, q, last);
      } else if (shared()) {
        std::copy_n(q, block.count * kernels_.channels, rows_.data() + block.slot * kernels_.channels);
      } else {
        for (Term* term : terms_) term->scatter(kernels_, block.slot, block.count, q);
      }
    });
    if (final || !shared()) return;
    for (Term* term : terms_) term->gatherSplat(kernels_, rows_.data(), team_);
  }

  void prefetch(const Block& block) const {
    const float* bias = bias_.data() + block.slot * kernels_.channels;
    for (int i = 0; i < block.count * kernels_.channels; i += 16) __builtin_prefetch(bias + i);
    for (const Term* term : terms_) term->prefetch(block.slot, block.count);
  }

  // Q of the pixels of a block in q, the last label's in last.
  void blockProbabilities(const Block& block, bool messages, float* q, float* last) {
    const int channels = kernels_.channels, count = block.count;
    float* bias = bias_.data() + block.slot * channels;
    if (!messages) std::fill_n(q, count * channels, 0.0f);
    for (size_t k = 0; messages && k < terms_.size(); k++) terms_[k]->gather(kernels_, block.slot, count, q, k > 0);
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
  Buffer<float>& rows_;
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

}  // namespace tagmask::crf
