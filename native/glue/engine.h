// One engine: its keys, blocks, choice of implementations and threads. Everything but `finished` runs on the JS thread.
#pragma once
#include <node_api.h>

#include <memory>
#include <string>
#include <vector>

#include "block_memory.h"
#include "core/batch.h"
#include "core/implementations.h"
#include "core/keys.h"
#include "pool.h"

namespace keymill {

class Engine;
class Environment;

/** A submitted block. Holds the block's memory and its keys until it is gone. */
class EngineJob final : public Job {
 public:
  EngineJob(Engine& engine, uint32_t block_id, BlockUse block)
      : engine_(engine), block_id_(block_id), block_(std::move(block)) {}

  void run(ThreadState& thread) override {
    batch_.execute(thread);
    has_run_ = true;
  }

  Engine& engine() const { return engine_; }
  uint32_t block_id() const { return block_id_; }
  bool has_run() const { return has_run_; }
  Batch& batch() { return batch_; }

 private:
  Engine& engine_;
  const uint32_t block_id_;
  BlockUse block_;
  Batch batch_;
  bool has_run_ = false;
};

/** What became of a request that concerns a block. */
enum class BlockResult { kOk, kNoSuchBlock, kBusy, kMalformed, kOutOfMemory };

class Engine final : private JobSink {
 public:
  /** `kernels` and `fault`: see Selection. */
  Engine(std::shared_ptr<Environment> environment, size_t threads, const std::string& kernels,
         const std::string& fault);
  ~Engine();

  /** False where the random generator gives nothing. */
  bool start();
  /**
   * A weak reference to the JS object of this engine: made strong while jobs are on their way, and asked for `onDone`
   * when they come back.
   */
  void set_object(napi_ref object) { object_ = object; }
  napi_ref object() const { return object_; }

  const Selection& selection() const { return selection_; }

  /** A zeroed block; nullptr where memory is short. */
  BlockMemory* allocate(size_t bytes, uint32_t* id);
  BlockMemory* find(uint32_t id) const { return id < blocks_.size() ? blocks_[id].use.get() : nullptr; }
  BlockResult free(uint32_t id);
  BlockResult run(uint32_t id, const ExternalMemory* external);
  BlockResult submit(napi_env env, uint32_t id);
  void close_key(KeyHandle handle) { keys_.remove(handle); }
  /** No work is taken any more; keys go once nothing submitted is left. Idempotent. */
  void close();
  /** The environment goes: stops the threads, drops what waits, wipes all keys. Idempotent. */
  void shut_down();

  /** Finishes a job (running it here if no thread has). True where `notify` has not been asked for yet. */
  bool complete(std::unique_ptr<EngineJob> job);
  /** Tells JS which blocks are done. */
  void notify(napi_env env);

 private:
  struct Block {
    BlockUse use;
    bool submitted = false;
  };

  void finished(std::unique_ptr<Job> job) override;
  void release_keys_if_idle();

  const std::shared_ptr<Environment> environment_;
  const Selection selection_;
  const size_t threads_;
  KeyTable keys_;
  ThreadState thread_;
  Batch batch_;
  std::vector<Block> blocks_;
  std::vector<uint32_t> free_blocks_;
  std::vector<uint32_t> done_blocks_;
  size_t pending_ = 0;
  bool closed_ = false;
  napi_ref object_ = nullptr;
  /** Started with the first job. */
  std::unique_ptr<Pool> pool_;
  bool has_threads_ = false;
};

}  // namespace keymill
