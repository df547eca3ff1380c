// What a call asks of the dense CRF. Every check that TypeScript makes is made again.
#include "crf-request.h"

namespace tagmask::pixels {
namespace {

// [sx, sy, compat] or [sx, sy, sr, sg, sb, compat].
std::optional<Kernel> kernel(const Request& request, const char* field, size_t length) {
  if (!request.has(field)) return std::nullopt;
  const std::vector<double> values = request.array<double>(field, napi_float64_array, length);
  for (size_t i = 0; i < length; i++) {
    const bool deviation = i + 1 < length;
    if (!(std::fabs(values[i]) <= 1e6) || (deviation && !(float(values[i]) > 0))) {
      throw BadInput(field, "deviations must be positive, and all numbers at most 1e6");
    }
  }
  Kernel kernel;
  kernel.sx = float(values[0]);
  kernel.sy = float(values[1]);
  if (length == 6) {
    kernel.sr = float(values[2]);
    kernel.sg = float(values[3]);
    kernel.sb = float(values[4]);
  }
  kernel.compat = float(values[length - 1]);
  return kernel;
}

// The image, its size and what both calls are given beside it.
Problem readImage(const Request& request) {
  Problem problem;
  problem.width = request.integer("width", 1, kMaxSide);
  problem.height = request.integer("height", 1, kMaxSide);
  problem.labels = request.integer("labels", 1, 1 << 16);
  problem.threads = request.integer("threads", 1, 256);
  const size_t pixels = problem.pixels();
  if (pixels > kMaxPixels || pixels * size_t(problem.labels) > kMaxValues) {
    throw BadInput("image", "too many pixels and labels");
  }
  problem.bilateral = kernel(request, "bilateral", 6);
  problem.rgb = request.array<uint8_t>("image", napi_uint8_array, pixels * 3);
  return problem;
}

}  // namespace

Problem readFilterProblem(const Request& request) {
  Problem problem = readImage(request);
  if (!problem.bilateral) throw BadInput("bilateral", "missing");
  problem.planes = request.array<float>("planes", napi_float32_array, problem.pixels() * problem.labels);
  return problem;
}

Problem readProblem(const Request& request) {
  Problem problem = readImage(request);
  const size_t pixels = problem.pixels();
  problem.iterations = request.integer("iterations", 0, 1 << 20);
  problem.gaussian = kernel(request, "gaussian", 3);
  if (request.has("labelMap")) {
    problem.unary = Unary::labels;
    problem.gtProb = request.number("gtProb");
    if (!(problem.gtProb > 0 && problem.gtProb < 1)) throw BadInput("gtProb", "not between 0 and 1");
    problem.labelMap = request.array<int32_t>("labelMap", napi_int32_array, pixels);
    for (const int32_t label : problem.labelMap) {
      if (label < problem.labels) continue;
      throw BadInput("unary", "holds label " + std::to_string(label) + " of " + std::to_string(problem.labels));
    }
    return problem;
  }
  const char* planes = request.has("scores") ? "scores" : "energies";
  problem.unary = request.has("scores") ? Unary::scores : Unary::energies;
  problem.clip = request.optionalNumber("clip");
  problem.scale = request.optionalNumber("scale");
  if (problem.clip && !(*problem.clip >= 1e-37f && *problem.clip <= 1)) {
    throw BadInput("clip", "not between 1e-37 and 1");
  }
  if (problem.scale && !(*problem.scale > 0 && *problem.scale <= 1)) {
    throw BadInput("scale", "not above 0 and at most 1");
  }
  problem.planes = request.array<float>(planes, napi_float32_array, pixels * problem.labels);
  return problem;
}

}  // namespace tagmask::pixels
