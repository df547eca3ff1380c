// Collectives between processes on c10d: a store (TCPStore), groups (gloo, NCCL where built), a sign of life of each process.
#include "distributed.h"

#ifdef TAGMASK_GLOO
#include "process-group.h"
#endif

namespace tagmask {

#ifdef TAGMASK_GLOO
namespace {

std::shared_ptr<ProcessGroup> groupOf(const Napi::Value& value) {
  if (!value.IsExternal()) throw Napi::TypeError::New(value.Env(), "expected a process group");
  return *value.As<Napi::External<std::shared_ptr<ProcessGroup>>>().Data();
}

// Runs `work` off the main thread, then `finish` on it, whose value the promise has.
class Waiting : public Napi::AsyncWorker {
 public:
  Waiting(Napi::Env env, std::function<void()> work, std::function<Napi::Value(Napi::Env)> finish)
      : Napi::AsyncWorker(env), work_(std::move(work)), finish_(std::move(finish)),
        deferred_(Napi::Promise::Deferred::New(env)) {}
  Napi::Promise promise() { return deferred_.Promise(); }

 protected:
  void Execute() override {
    try {
      work_();
    } catch (const c10::Error& error) {
      SetError(error.what_without_backtrace());
    }
  }
  void OnOK() override { deferred_.Resolve(finish_ ? finish_(Env()) : Env().Undefined()); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  std::function<void()> work_;
  std::function<Napi::Value(Napi::Env)> finish_;
  Napi::Promise::Deferred deferred_;
};

Napi::Value promised(Napi::Env env, std::function<void()> work, std::function<Napi::Value(Napi::Env)> finish = {}) {
  auto* waiting = new Waiting(env, std::move(work), std::move(finish));
  const auto promise = waiting->promise();
  waiting->Queue();
  return promise;
}

Napi::Value joinGroup(const Napi::CallbackInfo& info) {
  // ({rank, size, host, port, joinMs, silenceMs}) -> promise of the group
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto given = info[0].As<Napi::Object>();
    const auto number = [&](const char* key) { return given.Get(key).As<Napi::Number>().Int64Value(); };
    GroupOptions options;
    options.rank = static_cast<int>(number("rank"));
    options.size = static_cast<int>(number("size"));
    options.host = given.Get("host").ToString().Utf8Value();
    options.port = static_cast<uint16_t>(number("port"));
    options.join = std::chrono::milliseconds(number("joinMs"));
    options.silence = std::chrono::milliseconds(number("silenceMs"));
    auto made = std::make_shared<std::shared_ptr<ProcessGroup>>();
    return promised(
        env, [=] { *made = std::make_shared<ProcessGroup>(options); },
        [=](Napi::Env later) -> Napi::Value {
          return Napi::External<std::shared_ptr<ProcessGroup>>::New(
              later, new std::shared_ptr<ProcessGroup>(*made),
              [](Napi::Env, std::shared_ptr<ProcessGroup>* group) { delete group; });
        });
  });
}

Napi::Value leaveGroup(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const auto group = groupOf(info[0]);
    return promised(env, [=] { group->leave(); });
  });
}

Napi::Value disconnectGroup(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    groupOf(info[0])->disconnect();
    return info.Env().Undefined();
  });
}

Napi::Value storeSet(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    groupOf(info[0])->set(info[1].ToString(), info[2].ToString());
    return info.Env().Undefined();
  });
}

Napi::Value storeGet(const Napi::CallbackInfo& info) {
  // undefined where nothing is set yet
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto found = groupOf(info[0])->get(info[1].ToString());
    if (!found) return info.Env().Undefined();
    return Napi::String::New(info.Env(), *found);
  });
}

Napi::Value silences(const Napi::CallbackInfo& info) {
  // milliseconds since the last sign of life of each process
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto all = groupOf(info[0])->silences();
    auto out = Napi::Array::New(info.Env(), all.size());
    for (uint32_t i = 0; i < all.size(); ++i) out.Set(i, static_cast<double>(all[i]));
    return out;
  });
}

Napi::Value broadcast(const Napi::CallbackInfo& info) {
  // (group, tensors, root) -> promise
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto group = groupOf(info[0]);
    const int root = info[2].As<Napi::Number>().Int32Value();
    std::vector<Started> started;
    for (auto& tensor : tensorsOf(info[1])) started.push_back(group->broadcast(tensor, root));
    return promised(info.Env(), [=] {
      for (const auto& one : started) group->wait(one);
    });
  });
}

Napi::Value allReduce(const Napi::CallbackInfo& info) {
  // (group, tensors) -> promise; sums in place
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto group = groupOf(info[0]);
    std::vector<Started> started;
    for (auto& tensor : tensorsOf(info[1])) started.push_back(group->allReduce(tensor));
    return promised(info.Env(), [=] {
      for (const auto& one : started) group->wait(one);
    });
  });
}

Napi::Value allReduceNow(const Napi::CallbackInfo& info) {
  // (group, tensor): sums in place, and returns when that is done
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto group = groupOf(info[0]);
    group->wait(group->allReduce(unwrap(info[1])));
    return info.Env().Undefined();
  });
}

std::shared_ptr<Reducer> reducerOf(const Napi::Value& value) {
  return *value.As<Napi::External<std::shared_ptr<Reducer>>>().Data();
}

Napi::Value openReducer(const Napi::CallbackInfo& info) {
  // (group, leaves in the order in which their gradients come, bytes of a bucket)
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    auto reducer =
        Reducer::open(groupOf(info[0]), tensorsOf(info[1]), static_cast<size_t>(info[2].As<Napi::Number>().Int64Value()));
    return Napi::External<std::shared_ptr<Reducer>>::New(
        env, new std::shared_ptr<Reducer>(std::move(reducer)),
        [](Napi::Env, std::shared_ptr<Reducer>* dead) { delete dead; });
  });
}

Napi::Value beginReducer(const Napi::CallbackInfo& info) {
  // (reducer, weight of this process): before backward
  return guarded(info.Env(), [&]() -> Napi::Value {
    reducerOf(info[0])->begin(info[1].As<Napi::Number>().DoubleValue());
    return info.Env().Undefined();
  });
}

Napi::Value finishReducer(const Napi::CallbackInfo& info) {
  // (reducer) -> promise: after backward; the gradients are then those of all processes
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto reducer = reducerOf(info[0]);
    reducer->sendRest();
    return promised(
        info.Env(), [=] { reducer->wait(); },
        [=](Napi::Env env) -> Napi::Value {
          reducer->giveBack();
          return Napi::Number::New(env, static_cast<double>(reducer->early));
        });
  });
}

Napi::Value closeReducer(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    reducerOf(info[0])->close();
    return info.Env().Undefined();
  });
}

}  // namespace
#endif

namespace {

Napi::Value distributedBackends(const Napi::CallbackInfo& info) {
  auto out = Napi::Array::New(info.Env());
#ifdef TAGMASK_GLOO
  out.Set(out.Length(), "gloo");
#endif
#ifdef TAGMASK_NCCL
  out.Set(out.Length(), "nccl");
#endif
  return out;
}

}  // namespace

void initDistributed(Napi::Env env, Napi::Object exports) {
  exports.Set("distributedBackends", Napi::Function::New(env, distributedBackends));
#ifdef TAGMASK_GLOO
  exports.Set("joinGroup", Napi::Function::New(env, joinGroup));
  exports.Set("leaveGroup", Napi::Function::New(env, leaveGroup));
  exports.Set("disconnectGroup", Napi::Function::New(env, disconnectGroup));
  exports.Set("storeSet", Napi::Function::New(env, storeSet));
  exports.Set("storeGet", Napi::Function::New(env, storeGet));
  exports.Set("silences", Napi::Function::New(env, silences));
  exports.Set("broadcast", Napi::Function::New(env, broadcast));
  exports.Set("allReduce", Napi::Function::New(env, allReduce));
  exports.Set("allReduceNow", Napi::Function::New(env, allReduceNow));
  exports.Set("openReducer", Napi::Function::New(env, openReducer));
  exports.Set("beginReducer", Napi::Function::New(env, beginReducer));
  exports.Set("finishReducer", Napi::Function::New(env, finishReducer));
  exports.Set("closeReducer", Napi::Function::New(env, closeReducer));
#endif
}

}  // namespace tagmask
