// What a call asks of PAR. Every check that TypeScript makes is made again.
#include "par-request.h"

namespace tagmask::pixels {

ParProblem readParProblem(const Request& request) {
  constexpr int kMaxDilation = 1024, kMaxDilations = 16;
  ParProblem problem;
  problem.width = request.integer("width", 1, kMaxSide);
  problem.height = request.integer("height", 1, kMaxSide);
  problem.channels = request.integer("channels", 1, 1 << 16);
  problem.maskWidth = request.integer("maskWidth", 1, kMaxSide);
  problem.maskHeight = request.integer("maskHeight", 1, kMaxSide);
  problem.iterations = request.integer("iterations", 0, 1 << 20);
  problem.threads = request.integer("threads", 1, 256);
  const size_t pixels = problem.pixels(), maskPixels = size_t(problem.maskWidth) * problem.maskHeight;
  if (pixels > kMaxPixels || std::max(pixels, maskPixels) * problem.channels > kMaxValues) {
    throw BadInput("image", "too many pixels and masks");
  }
  const int count = request.integer("dilationCount", 1, kMaxDilations);
  problem.dilations = request.array<int32_t>("dilations", napi_int32_array, count);
  for (const int dilation : problem.dilations) {
    if (dilation < 1 || dilation > kMaxDilation) {
      throw BadInput("dilations", "not from 1 to " + std::to_string(kMaxDilation));
    }
  }
  problem.w1 = float(request.number("w1"));
  problem.w2 = float(request.number("w2"));
  if (!(problem.w1 > 0)) throw BadInput("w1", "not above 0");
  if (!(problem.w2 >= 0)) throw BadInput("w2", "below 0");
  problem.image = request.array<float>("image", napi_float32_array, pixels * 3);
  problem.masks = request.array<float>("masks", napi_float32_array, maskPixels * problem.channels);
  return problem;
}

}  // namespace tagmask::pixels
