// The addon's face in JS: class Engine and selfTest(fault). It checks types and identities, and leaves what records
// contain to the core. src/engine/native.ts is its only caller.
#include <node_api.h>
#include <openssl/crypto.h>
#include <openssl/opensslv.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "core/cpu.h"
#include "core/memory.h"
#include "engine.h"
#include "environment.h"

namespace keymill {
namespace {

/** Tells our objects from everybody else's. */
constexpr napi_type_tag kEngineTag = {0x6b65796d696c6c01, 0x9d1f5c02a7e84b36};
constexpr size_t kMaximumBlockBytes = size_t{1} << 31;
constexpr size_t kMaximumThreads = 256;

// ---- Values ----

napi_value throw_type_error(napi_env env, const char* message) {
  napi_throw_type_error(env, nullptr, message);
  return nullptr;
}

napi_value throw_error(napi_env env, const char* message) {
  napi_throw_error(env, nullptr, message);
  return nullptr;
}

napi_value text(napi_env env, const char* characters) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, characters, NAPI_AUTO_LENGTH, &value);
  return value;
}

napi_value number(napi_env env, double value) {
  napi_value result = nullptr;
  napi_create_double(env, value, &result);
  return result;
}

napi_value boolean(napi_env env, bool value) {
  napi_value result = nullptr;
  napi_get_boolean(env, value, &result);
  return result;
}

template <typename Items, typename Make>
napi_value array(napi_env env, const Items& items, Make make) {
  napi_value list = nullptr;
  napi_create_array(env, &list);
  uint32_t index = 0;
  for (const auto& item : items) napi_set_element(env, list, index++, make(item));
  return list;
}

void set(napi_env env, napi_value object, const char* name, napi_value value) {
  napi_set_named_property(env, object, name, value);
}

bool read_number(napi_env env, napi_value value, double maximum, size_t* out) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok || !(number >= 0) || number > maximum) return false;
  *out = static_cast<size_t>(number);
  return true;
}

bool read_text(napi_env env, napi_value value, std::string* out) {
  char characters[32];
  size_t length;
  if (napi_get_value_string_utf8(env, value, characters, sizeof(characters), &length) != napi_ok) return false;
  out->assign(characters, length);
  return true;
}

/** A Uint8Array over memory no other thread can change: not a shared one. */
bool read_bytes(napi_env env, napi_value value, MutableBytes* out) {
  napi_typedarray_type type;
  napi_value buffer;
  void* data;
  bool is_typed_array = false, is_array_buffer = false;
  if (napi_is_typedarray(env, value, &is_typed_array) != napi_ok || !is_typed_array) return false;
  if (napi_get_typedarray_info(env, value, &type, &out->size, &data, &buffer, nullptr) != napi_ok) return false;
  if (napi_is_arraybuffer(env, buffer, &is_array_buffer) != napi_ok || !is_array_buffer) return false;
  out->data = static_cast<uint8_t*>(data);
  if (!data) out->size = 0;
  return type == napi_uint8_array;
}

// ---- Calls ----

constexpr size_t kMaximumArguments = 3;

/** The engine a method was called on and its arguments; `engine` is nullptr, with an exception pending, for any other
 * object. */
struct Call {
  napi_env env;
  napi_value self;
  napi_value arguments[kMaximumArguments];
  Engine* engine = nullptr;

  Call(napi_env env, napi_callback_info info) : env(env) {
    size_t count = kMaximumArguments;
    bool is_engine = false;
    void* data = nullptr;
    if (napi_get_cb_info(env, info, &count, arguments, &self, nullptr) == napi_ok &&
        napi_check_object_type_tag(env, self, &kEngineTag, &is_engine) == napi_ok && is_engine &&
        napi_unwrap(env, self, &data) == napi_ok) {
      engine = static_cast<Engine*>(data);
    } else {
      throw_type_error(env, "not a keymill engine");
    }
  }
};

/** True where the request went through; throws otherwise. */
bool succeeded(napi_env env, BlockResult result) {
  static constexpr const char* kMessages[] = {nullptr, "no such block", "the block is submitted",
                                              "malformed block header", "out of memory"};
  const char* message = kMessages[static_cast<size_t>(result)];
  if (message) throw_error(env, message);
  return !message;
}

bool read_block_id(const Call& call, uint32_t* id) {
  if (napi_get_value_uint32(call.env, call.arguments[0], id) == napi_ok) return true;
  throw_type_error(call.env, "block: expected a number");
  return false;
}

// ---- class Engine ----

/** new Engine(threads, kernels, fault) */
napi_value construct(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value self, target, arguments[3];
  size_t threads;
  std::string kernels, fault;
  Environment* environment = Environment::of(env);
  if (napi_get_new_target(env, info, &target) != napi_ok || !target || !environment ||
      napi_get_cb_info(env, info, &count, arguments, &self, nullptr) != napi_ok) {
    return throw_type_error(env, "Engine: use new");
  }
  if (!read_number(env, arguments[0], kMaximumThreads, &threads) || !read_text(env, arguments[1], &kernels) ||
      !read_text(env, arguments[2], &fault)) {
    return throw_type_error(env, "Engine: expected (threads, kernels, fault)");
  }
  auto engine = std::make_unique<Engine>(environment->shared_from_this(), threads, kernels, fault);
  if (!engine->selection().complete()) {
    std::string message = "keymill self-test failed:";
    for (const std::string& name : engine->selection().self_tests().failed) message += " " + name;
    return throw_error(env, message.c_str());
  }
  if (!engine->start()) return throw_error(env, "the random generator does not work");

  const auto destroy = [](napi_env env, void* data, void*) {
    std::unique_ptr<Engine> engine(static_cast<Engine*>(data));
    if (engine->object()) napi_delete_reference(env, engine->object());
  };
  napi_ref object;
  if (napi_wrap(env, self, engine.get(), destroy, nullptr, nullptr) != napi_ok) {
    return throw_error(env, "Engine: could not be attached to its object");
  }
  Engine* const wrapped = engine.release();
  if (napi_type_tag_object(env, self, &kEngineTag) != napi_ok ||
      napi_create_reference(env, self, 0, &object) != napi_ok) {
    return throw_error(env, "Engine: could not be attached to its object");
  }
  wrapped->set_object(object);
  return self;
}

/** info(): what src/engine/backend.ts calls BackendInfo, but for `backend` and `threads`. */
napi_value info(napi_env env, napi_callback_info callback_info) {
  const Call call(env, callback_info);
  if (!call.engine) return nullptr;
  napi_value result, kernels, memory;
  if (napi_create_object(env, &result) != napi_ok || napi_create_object(env, &kernels) != napi_ok ||
      napi_create_object(env, &memory) != napi_ok) {
    return nullptr;
  }
  std::vector<const char*> features;
  const CpuFeatureNames names = cpu_feature_names();
  for (size_t i = 0; i < names.count; i++) {
    if (cpu_features() & names.rows[i].feature) features.push_back(names.rows[i].name);
  }
  for (const Selection::Kernel& kernel : call.engine->selection().kernels()) {
    set(env, kernels, kernel.primitive, text(env, kernel.name));
  }
  const SecretMemoryInfo secrets = secret_memory_info();
  set(env, memory, "locked", boolean(env, secrets.locked));
  set(env, memory, "bytes", number(env, static_cast<double>(secrets.arena_bytes)));
  set(env, result, "openssl", text(env, OpenSSL_version(OPENSSL_VERSION)));
  set(env, result, "cpuFeatures", array(env, features, [env](const char* name) { return text(env, name); }));
  set(env, result, "kernels", kernels);
  const SelfTestReport& tests = call.engine->selection().self_tests();
  const auto name_of = [env](const std::string& name) { return text(env, name.c_str()); };
  set(env, result, "selfTests", array(env, tests.passed, name_of));
  set(env, result, "refusedKernels", array(env, tests.failed, name_of));
  set(env, result, "keyMemory", memory);
  return result;
}

/** allocate(bytes): [block, ArrayBuffer]. The memory lives as long as either the block or the ArrayBuffer is in use. */
napi_value allocate(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  if (!call.engine) return nullptr;
  size_t bytes;
  if (!read_number(env, call.arguments[0], kMaximumBlockBytes, &bytes) || bytes == 0) {
    return throw_type_error(env, "bytes: expected a number from 1 to 2147483648");
  }
  uint32_t id;
  BlockMemory* memory = call.engine->allocate(bytes, &id);
  if (!memory) return throw_error(env, "out of memory for a block");
  const auto release = [](napi_env, void*, void* data) { static_cast<BlockMemory*>(data)->release(); };
  napi_value result, buffer, block;
  memory->retain();
  if (napi_create_external_arraybuffer(env, memory->bytes().data, bytes, release, memory, &buffer) != napi_ok) {
    memory->release();
    call.engine->free(id);
    return throw_error(env, "this runtime allows no memory of ours under an ArrayBuffer");
  }
  if (napi_create_uint32(env, id, &block) != napi_ok || napi_create_array_with_length(env, 2, &result) != napi_ok) {
    return nullptr;
  }
  napi_set_element(env, result, 0, block);
  napi_set_element(env, result, 1, buffer);
  return result;
}

/** free(block, ArrayBuffer): detaches the buffer, so that a view kept by mistake is empty and not somebody else's
 * memory. */
napi_value free_block(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  uint32_t id;
  if (!call.engine || !read_block_id(call, &id)) return nullptr;
  const BlockMemory* memory = call.engine->find(id);
  void* data = nullptr;
  size_t bytes;
  bool is_array_buffer = false;
  if (napi_is_arraybuffer(env, call.arguments[1], &is_array_buffer) != napi_ok || !is_array_buffer ||
      napi_get_arraybuffer_info(env, call.arguments[1], &data, &bytes) != napi_ok || !memory ||
      data != memory->bytes().data) {
    return throw_type_error(env, "not a block and its ArrayBuffer");
  }
  if (succeeded(env, call.engine->free(id))) napi_detach_arraybuffer(env, call.arguments[1]);
  return nullptr;
}

/** run(block) */
napi_value run(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  uint32_t id;
  if (call.engine && read_block_id(call, &id)) succeeded(env, call.engine->run(id, nullptr));
  return nullptr;
}

/** runInPlace(block, input, output) */
napi_value run_in_place(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  uint32_t id;
  if (!call.engine || !read_block_id(call, &id)) return nullptr;
  MutableBytes input, output;
  if (!read_bytes(env, call.arguments[1], &input) || !read_bytes(env, call.arguments[2], &output)) {
    return throw_type_error(env, "input and output: expected Uint8Arrays, not over shared memory");
  }
  const ExternalMemory external{input, output};
  succeeded(env, call.engine->run(id, &external));
  return nullptr;
}

/** submit(block); `onDone([block, ...])` is called on the engine object when blocks are done. */
napi_value submit(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  uint32_t id;
  if (call.engine && read_block_id(call, &id)) succeeded(env, call.engine->submit(env, id));
  return nullptr;
}

/** closeKey(slot, generation) */
napi_value close_key(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  if (!call.engine) return nullptr;
  KeyHandle handle;
  if (napi_get_value_uint32(env, call.arguments[0], &handle.slot) != napi_ok ||
      napi_get_value_uint32(env, call.arguments[1], &handle.generation) != napi_ok) {
    return throw_type_error(env, "expected (slot, generation)");
  }
  call.engine->close_key(handle);
  return nullptr;
}

/** close(): refuses further work; keys are wiped once nothing submitted is left. */
napi_value close(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  if (call.engine) call.engine->close();
  return nullptr;
}

// ---- Module ----

/** selfTest(fault): names of the known-answer tests that fail; `fault` is run_self_tests'. */
napi_value self_test(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument;
  std::string fault;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, nullptr) != napi_ok ||
      !read_text(env, argument, &fault)) {
    return throw_type_error(env, "fault: expected a string");
  }
  const SelfTestReport report = run_self_tests(fault);
  return array(env, report.failed, [env](const std::string& name) { return text(env, name.c_str()); });
}

napi_value initialise(napi_env env, napi_value exports) {
  if (OpenSSL_version_num() >> 28 != 3) {
    const std::string message =
        std::string("keymill needs OpenSSL 3, this runtime has ") + OpenSSL_version(OPENSSL_VERSION);
    return throw_error(env, message.c_str());
  }
  if (!Environment::create(env)) return throw_error(env, "keymill could not set up its environment");
  const napi_property_descriptor methods[] = {
      {"info", nullptr, info, nullptr, nullptr, nullptr, napi_default_method, nullptr},
      {"allocate", nullptr, allocate, nullptr, nullptr, nullptr, napi_default_method, nullptr},
      {"free", nullptr, free_block, nullptr, nullptr, nullptr, napi_default_method, nullptr},
      {"run", nullptr, run, nullptr, nullptr, nullptr, napi_default_method, nullptr},
      {"runInPlace", nullptr, run_in_place, nullptr, nullptr, nullptr, napi_default_method, nullptr},
      {"submit", nullptr, submit, nullptr, nullptr, nullptr, napi_default_method, nullptr},
      {"closeKey", nullptr, close_key, nullptr, nullptr, nullptr, napi_default_method, nullptr},
      {"close", nullptr, close, nullptr, nullptr, nullptr, napi_default_method, nullptr},
  };
  napi_value engine, test;
  if (napi_define_class(env, "Engine", NAPI_AUTO_LENGTH, construct, nullptr, sizeof(methods) / sizeof(methods[0]),
                        methods, &engine) != napi_ok ||
      napi_create_function(env, "selfTest", NAPI_AUTO_LENGTH, self_test, nullptr, &test) != napi_ok) {
    return nullptr;
  }
  set(env, exports, "Engine", engine);
  set(env, exports, "selfTest", test);
  return exports;
}

}  // namespace
}  // namespace keymill

NAPI_MODULE_INIT() { return keymill::initialise(env, exports); }
