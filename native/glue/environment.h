// What the addon keeps per JS environment (the main thread, each worker_threads worker): its engines, and the one
// thread-safe function through which finished jobs come back.
#pragma once
#include <node_api.h>

#include <atomic>
#include <memory>
#include <vector>

#include "engine.h"
#include "pool.h"

namespace keymill {

class Environment final : public std::enable_shared_from_this<Environment> {
 public:
  /** Makes the environment's instance data; false with a JS exception pending where Node-API refuses. */
  static bool create(napi_env env);
  /** nullptr where there is none. */
  static Environment* of(napi_env env);

  void add(Engine* engine);
  void remove(Engine* engine);

  /** JS thread: a job will finish. The event loop stays alive until as many have been delivered. */
  void expect_job(napi_env env);
  /** Any thread: a job is to be delivered; where it has not run, it runs on the JS thread first. */
  void deliver(std::unique_ptr<EngineJob> job);

 private:
  static void call_js(napi_env env, napi_value, void* context, void*);
  static void clean_up(void* environment);
  void deliver_all(napi_env env);
  std::vector<std::unique_ptr<EngineJob>> take_jobs();
  void jobs_done(napi_env env, size_t count);

  napi_threadsafe_function wake_ = nullptr;
  std::vector<Engine*> engines_;
  size_t expected_ = 0;
  Mutex mutex_;
  std::vector<std::unique_ptr<EngineJob>> jobs_;
};

}  // namespace keymill
