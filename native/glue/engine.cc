#include "engine.h"

#include <utility>

#include "environment.h"

namespace keymill {
namespace {

/** Calls `object.onDone([block, ...])`. An exception it throws becomes an uncaught one; it cannot be anybody else's. */
void call_on_done(napi_env env, napi_ref object_ref, const std::vector<uint32_t>& blocks) {
  napi_value object, callback, list;
  if (napi_get_reference_value(env, object_ref, &object) != napi_ok || !object) return;
  bool ok = napi_get_named_property(env, object, "onDone", &callback) == napi_ok &&
            napi_create_array_with_length(env, blocks.size(), &list) == napi_ok;
  for (size_t i = 0; ok && i < blocks.size(); i++) {
    napi_value id;
    ok = napi_create_uint32(env, blocks[i], &id) == napi_ok &&
         napi_set_element(env, list, static_cast<uint32_t>(i), id) == napi_ok;
  }
  // Fails quietly where the environment is being terminated: there is nobody left to tell.
  if (ok) ok = napi_call_function(env, object, callback, 1, &list, nullptr) == napi_ok;
  bool pending = false;
  if (!ok && napi_is_exception_pending(env, &pending) == napi_ok && pending) {
    napi_value error;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  }
}

}  // namespace

Engine::Engine(std::shared_ptr<Environment> environment, size_t threads, const std::string& kernels,
               const std::string& fault)
    : environment_(std::move(environment)), selection_(kernels, fault), threads_(threads) {
  thread_.is_js_thread = true;
  environment_->add(this);
}

Engine::~Engine() {
  shut_down();
  environment_->remove(this);
}

bool Engine::start() { return keys_.start(); }

BlockMemory* Engine::allocate(size_t bytes, uint32_t* id) {
  BlockUse use(BlockMemory::allocate(bytes));
  if (!use.get()) return nullptr;
  if (free_blocks_.empty()) {
    *id = static_cast<uint32_t>(blocks_.size());
    blocks_.emplace_back();
  } else {
    *id = free_blocks_.back();
    free_blocks_.pop_back();
  }
  blocks_[*id].use = std::move(use);
  return blocks_[*id].use.get();
}

BlockResult Engine::free(uint32_t id) {
  if (!find(id)) return BlockResult::kNoSuchBlock;
  if (blocks_[id].submitted) return BlockResult::kBusy;
  blocks_[id].use = BlockUse();
  free_blocks_.push_back(id);
  return BlockResult::kOk;
}

BlockResult Engine::run(uint32_t id, const ExternalMemory* external) {
  BlockMemory* memory = find(id);
  if (!memory) return BlockResult::kNoSuchBlock;
  if (blocks_[id].submitted) return BlockResult::kBusy;
  const MutableBytes block = memory->bytes();
  if (closed_) return Batch::refuse(block, Status::UNAVAILABLE) ? BlockResult::kOk : BlockResult::kMalformed;
  if (!batch_.parse(block, external, keys_, selection_, Batch::KeyUse::kBorrow)) return BlockResult::kMalformed;
  batch_.execute(thread_);
  batch_.finish(keys_);
  batch_.clear();
  return BlockResult::kOk;
}

BlockResult Engine::submit(napi_env env, uint32_t id) {
  BlockMemory* memory = find(id);
  if (!memory) return BlockResult::kNoSuchBlock;
  if (blocks_[id].submitted) return BlockResult::kBusy;
  if (!pool_) {
    pool_ = std::make_unique<Pool>(static_cast<JobSink&>(*this));
    has_threads_ = pool_->start(threads_) > 0;
  }
  auto job = std::make_unique<EngineJob>(*this, id, blocks_[id].use);
  const MutableBytes block = memory->bytes();
  const bool in_order = closed_ ? Batch::refuse(block, Status::UNAVAILABLE)
                                : job->batch().parse(block, nullptr, keys_, selection_, Batch::KeyUse::kPin);
  if (!in_order) return BlockResult::kMalformed;
  blocks_[id].submitted = true;
  if (pending_++ == 0) napi_reference_ref(env, object_, nullptr);
  environment_->expect_job(env);
  if (has_threads_ && !closed_) {
    pool_->submit(std::move(job));
  } else {
    environment_->deliver(std::move(job));
  }
  return BlockResult::kOk;
}

void Engine::finished(std::unique_ptr<Job> job) {
  environment_->deliver(std::unique_ptr<EngineJob>(static_cast<EngineJob*>(job.release())));
}

bool Engine::complete(std::unique_ptr<EngineJob> job) {
  if (!job->has_run()) job->run(thread_);
  job->batch().finish(keys_);
  blocks_[job->block_id()].submitted = false;
  done_blocks_.push_back(job->block_id());
  return done_blocks_.size() == 1;
}

void Engine::notify(napi_env env) {
  const std::vector<uint32_t> done = std::exchange(done_blocks_, {});
  napi_handle_scope scope;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  call_on_done(env, object_, done);
  // Counted after the callback, which may submit again: the object must stay alive through it.
  pending_ -= done.size();
  if (pending_ == 0) napi_reference_unref(env, object_, nullptr);
  release_keys_if_idle();
  napi_close_handle_scope(env, scope);
}

void Engine::close() {
  closed_ = true;
  release_keys_if_idle();
}

void Engine::release_keys_if_idle() {
  if (!closed_ || pending_ > 0) return;
  if (pool_) pool_->stop();
  keys_.clear();
}

void Engine::shut_down() {
  closed_ = true;
  if (pool_) pool_->stop();
  keys_.clear();
}

}  // namespace keymill
