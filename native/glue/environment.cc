#include "environment.h"

#include <algorithm>

namespace keymill {

bool Environment::create(napi_env env) {
  auto environment = std::make_shared<Environment>();
  napi_value name;
  if (napi_create_string_utf8(env, "keymill", NAPI_AUTO_LENGTH, &name) != napi_ok) return false;
  if (napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, environment.get(), call_js,
                                      &environment->wake_) != napi_ok) {
    return false;
  }
  napi_unref_threadsafe_function(env, environment->wake_);
  Environment* const raw = environment.get();
  auto holder = std::make_unique<std::shared_ptr<Environment>>(std::move(environment));
  const auto destroy = [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<Environment>*>(data); };
  if (napi_set_instance_data(env, holder.get(), destroy, nullptr) != napi_ok) return false;
  holder.release();
  // Hooks run last registered first: ours stops the threads before the thread-safe function goes.
  return napi_add_env_cleanup_hook(env, clean_up, raw) == napi_ok;
}

Environment* Environment::of(napi_env env) {
  void* data = nullptr;
  if (napi_get_instance_data(env, &data) != napi_ok || !data) return nullptr;
  return static_cast<std::shared_ptr<Environment>*>(data)->get();
}

void Environment::add(Engine* engine) { engines_.push_back(engine); }

void Environment::remove(Engine* engine) {
  engines_.erase(std::remove(engines_.begin(), engines_.end(), engine), engines_.end());
}

void Environment::expect_job(napi_env env) {
  if (expected_++ == 0) napi_ref_threadsafe_function(env, wake_);
}

void Environment::jobs_done(napi_env env, size_t count) {
  expected_ -= count;
  if (expected_ == 0) napi_unref_threadsafe_function(env, wake_);
}

void Environment::deliver(std::unique_ptr<EngineJob> job) {
  bool was_empty;
  {
    Lock lock(mutex_);
    was_empty = jobs_.empty();
    jobs_.push_back(std::move(job));
  }
  // One call to JS takes all that is there; only the first has to ask for it.
  if (was_empty) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

std::vector<std::unique_ptr<EngineJob>> Environment::take_jobs() {
  std::vector<std::unique_ptr<EngineJob>> jobs;
  Lock lock(mutex_);
  jobs.swap(jobs_);
  return jobs;
}

void Environment::call_js(napi_env env, napi_value, void* context, void*) {
  // No env: it is closing, and nothing may be called any more.
  if (env) static_cast<Environment*>(context)->deliver_all(env);
}

void Environment::deliver_all(napi_env env) {
  std::vector<std::unique_ptr<EngineJob>> jobs = take_jobs();
  std::vector<Engine*> receivers;
  for (auto& job : jobs) {
    Engine& engine = job->engine();
    if (engine.complete(std::move(job))) receivers.push_back(&engine);
  }
  // An engine with jobs on their way is kept alive by its own reference, whatever the callbacks do.
  for (Engine* engine : receivers) engine->notify(env);
  jobs_done(env, jobs.size());
}

void Environment::clean_up(void* data) {
  auto* environment = static_cast<Environment*>(data);
  for (Engine* engine : environment->engines_) engine->shut_down();
  environment->take_jobs();
}

}  // namespace keymill
