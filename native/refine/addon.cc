// The Node-API surface: denseCrf(request) -> Promise of the probabilities; par(request) -> Promise of the masks, and
// parNow(requests) -> the masks of each; bilateralFilterNow(request) -> the filtered planes.
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
#include "team.h"

namespace tagmask::refine {
namespace {

constexpr const char* kDenseCrf = "dense CRF";
constexpr const char* kFilter = "bilateral filter";
constexpr const char* kPar = "PAR";

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

template <class WorkOf, class Run>
Napi::Function entry(Napi::Env env, const char* name, const char* what, WorkOf workOf, Run run) {
  return Napi::Function::New(
      env,
      [=](const Napi::CallbackInfo& info) {
        return guarded(info.Env(), what, [&] { return run(info.Env(), workOf(requestOf(info))); });
      },
      name);
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  prepareJobs(env);
  exports.Set("denseCrf", entry(env, "denseCrf", kDenseCrf, crfWork, launch));
  exports.Set("bilateralFilterNow", entry(env, "bilateralFilterNow", kFilter, filterWork, runNow));
  exports.Set("par", entry(env, "par", kPar, parWork, launch));
  exports.Set("parNow", Napi::Function::New(
                            env,
                            [](const Napi::CallbackInfo& info) {
                              return guarded(info.Env(), kPar, [&] { return parOfEach(info.Env(), info[0]); });
                            },
                            "parNow"));
  return exports;
}

NODE_API_MODULE(tagmask_refine, init)

}  // namespace
}  // namespace tagmask::refine
