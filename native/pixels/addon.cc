// The Node-API surface: resizeNow(request) -> bytes; denseCrf(request) -> Promise of the probabilities; par(request) ->
// Promise of the masks, and parNow(requests) -> the masks of each; bilateralFilterNow(request) -> the filtered planes.
#include <napi.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "crf/bilateral-filter.h"
#include "crf/crf-request.h"
#include "crf/mean-field.h"
#include "job.h"
#include "par/par-request.h"
#include "par/par.h"
#include "resize/resize.h"
#include "team.h"

namespace tagmask::pixels {
namespace {

constexpr const char* kDenseCrf = "dense CRF";
constexpr const char* kFilter = "bilateral filter";
constexpr const char* kPar = "PAR";
constexpr const char* kResize = "resize";

Request requestOf(const Napi::CallbackInfo& info) {
  if (!info[0].IsObject()) throw BadInput("request", "not an object");
  return Request(info[0].As<Napi::Object>());
}

// The arrays of a request are copied: the script may change or detach them meanwhile.
Work crfWork(const Request& request) {
  const auto problem = std::make_shared<const Problem>(readProblem(request));
  return {kDenseCrf, problem->pixels() * problem->labels, [problem](float* result) { infer(*problem, result); }};
}

Work filterWork(const Request& request) {
  const auto problem = std::make_shared<const Problem>(readFilterProblem(request));
  const size_t length = problem->pixels() * problem->labels;
  return {kFilter, length, [problem](float* result) { bilateralFilter(*problem, result); }};
}

Work parWork(const Request& request) {
  const auto problem = std::make_shared<ParProblem>(readParProblem(request));
  return {kPar, problem->pixels() * problem->channels, [problem](float* result) { refineMasks(*problem, result); }};
}

// Images side by side, each on its share of the threads of the first.
Napi::Value parOfEach(Napi::Env env, const Napi::Value& requests) {
  if (!requests.IsArray()) throw BadInput("requests", "not an array");
  const auto given = requests.As<Napi::Array>();
  const int count = int(given.Length());
  std::vector<ParProblem> problems;
  std::vector<float*> refined;
  auto results = Napi::Array::New(env, count);
  for (int i = 0; i < count; i++) {
    if (!given.Get(i).IsObject()) throw BadInput("requests", "not objects");
    problems.push_back(readParProblem(Request(given.Get(i).As<Napi::Object>())));
    auto output = Napi::Float32Array::New(env, problems[i].pixels() * problems[i].channels);
    refined.push_back(output.Data());
    results.Set(i, output);
  }
  if (count == 0) return results;
  const int threads = problems[0].threads, size = std::min(threads, count);
  for (ParProblem& problem : problems) problem.threads = std::max(1, threads / size);
  Team team(size);
  team.each(count, [&](int i) { refineMasks(problems[i], refined[i]); });
  return results;
}

// `rows` of `width` pixels, at most kMaxPixels.
size_t bytesOf(const char* field, int rows, int width) {
  const size_t pixels = size_t(rows) * width;
  if (pixels > kMaxPixels) throw BadInput(field, "more than " + std::to_string(kMaxPixels) + " pixels");
  return pixels * 3;
}

Napi::Value resizeNow(const Napi::CallbackInfo& info) {
  const Request request = requestOf(info);
  ResizeProblem problem;
  problem.sourceWidth = request.integer("sourceWidth", 1, kMaxSide);
  const int sourceHeight = request.integer("sourceHeight", 1, kMaxSide);
  problem.x = request.integer("x", 0, problem.sourceWidth - 1);
  problem.y = request.integer("y", 0, sourceHeight - 1);
  problem.boxWidth = request.integer("boxWidth", 1, problem.sourceWidth - problem.x);
  problem.boxHeight = request.integer("boxHeight", 1, sourceHeight - problem.y);
  problem.width = request.integer("width", 1, kMaxSide);
  problem.height = request.integer("height", 1, kMaxSide);
  problem.bicubic = request.flag("bicubic");
  const size_t length = bytesOf("source", sourceHeight, problem.sourceWidth);
  problem.source = request.place<uint8_t>("source", napi_uint8_array, length);
  bytesOf("width", problem.boxHeight, problem.width);  // between the two passes
  auto output = Napi::Uint8Array::New(info.Env(), bytesOf("height", problem.height, problem.width));
  resize(problem, output.Data());
  return output;
}

// body(info) -> the result; what it throws becomes an error of JavaScript.
template <class Body>
Napi::Function entry(Napi::Env env, const char* name, const char* what, Body body) {
  return Napi::Function::New(
      env,
      [=](const Napi::CallbackInfo& info) { return guarded(info.Env(), what, [&] { return body(info); }); }, name);
}

template <class WorkOf, class Run>
auto running(WorkOf workOf, Run run) {
  return [=](const Napi::CallbackInfo& info) { return run(info.Env(), workOf(requestOf(info))); };
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  prepareJobs(env);
  const auto set = [&](const char* name, const char* what, auto body) { exports.Set(name, entry(env, name, what, body)); };
  set("resizeNow", kResize, resizeNow);
  set("denseCrf", kDenseCrf, running(crfWork, launch));
  set("bilateralFilterNow", kFilter, running(filterWork, runNow));
  set("par", kPar, running(parWork, launch));
  set("parNow", kPar, [](const Napi::CallbackInfo& info) { return parOfEach(info.Env(), info[0]); });
  return exports;
}

NODE_API_MODULE(tagmask_pixels, init)

}  // namespace
}  // namespace tagmask::pixels
