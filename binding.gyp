{
  # Not `asan`: Node's own configuration defines that one, and wins.
  'variables': {
    'keymill_asan%': '<!(node -p "process.env.KEYMILL_ASAN === \'1\' ? 1 : 0")',
    # The emulated kernels are for tests: half of the addon, and nobody else's.
    'keymill_emulated%': '<!(node -p "process.env.KEYMILL_EMULATED === \'0\' ? 0 : 1")',
  },
  'targets': [
    {
      'target_name': 'keymill',
      'sources': [
        'native/core/aead.cc',
        'native/core/aead_key.cc',
        'native/core/algorithms.cc',
        'native/core/asymmetric.cc',
        'native/core/batch.cc',
        'native/core/bytes.cc',
        'native/core/comb.cc',
        'native/core/cpu.cc',
        'native/core/ec.cc',
        'native/core/ecdh_emulated.cc',
        'native/core/ecdh_ifma.cc',
        'native/core/ecdh_items.cc',
        'native/core/ecdh_scalar.cc',
        'native/core/ecdsa_emulated.cc',
        'native/core/ecdsa_ifma.cc',
        'native/core/ecdsa_items.cc',
        'native/core/ecdsa_scalar.cc',
        'native/core/edwards.cc',
        'native/core/edwards25519.cc',
        'native/core/edwards_emulated.cc',
        'native/core/edwards_ifma.cc',
        'native/core/edwards_items.cc',
        'native/core/edwards_scalar.cc',
        'native/core/endomorphism.cc',
        'native/core/evp_contexts.cc',
        'native/core/gcm_batched.cc',
        'native/core/gcm_items.cc',
        'native/core/gcm_vaes.cc',
        'native/core/hmac.cc',
        'native/core/implementations.cc',
        'native/core/inversion.cc',
        'native/core/key_format.cc',
        'native/core/key_operations.cc',
        'native/core/keys.cc',
        'native/core/memory.cc',
        'native/core/nonce.cc',
        'native/core/random.cc',
        'native/core/rsa.cc',
        'native/core/rsa_check.cc',
        'native/core/rsa_emulated.cc',
        'native/core/rsa_encoding.cc',
        'native/core/rsa_ifma.cc',
        'native/core/rsa_items.cc',
        'native/core/rsa_key.cc',
        'native/core/rsa_prepared.cc',
        'native/core/secret_key.cc',
        'native/core/sha2.cc',
        'native/core/sha2_avx512.cc',
        'native/core/sha2_kernels.cc',
        'native/core/wrap.cc',
        'native/glue/addon.cc',
        'native/glue/block_memory.cc',
        'native/glue/engine.cc',
        'native/glue/environment.cc',
        'native/glue/pool.cc',
        'native/glue/portability.cc',
      ],
      # OpenSSL is the one inside Node: its headers come with Node's, its symbols from the running process.
      'defines': ['NAPI_VERSION=8', 'OPENSSL_API_COMPAT=30000'],
      # It renames what glibc offers, mmap to mmap64 for one, to names that musl does not have. Nothing here has a file offset.
      'defines!': ['_FILE_OFFSET_BITS=64'],
      'include_dirs': ['native'],
      # Without run-time types make_shared needs a newer libstdc++ than Node does.
      'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-std=gnu++14', '-O3', '-fno-rtti'],
      'cflags!': ['-O3'],
      'cflags': ['-fvisibility=hidden', '-Wall', '-Wextra', '-Werror'],
      'cflags_cc': ['-std=c++17', '-fno-exceptions'],
      'xcode_settings': {
        'CLANG_CXX_LANGUAGE_STANDARD': 'c++17',
        'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
        'GCC_ENABLE_CPP_EXCEPTIONS': 'NO',
        'MACOSX_DEPLOYMENT_TARGET': '11.0',
      },
      # What a source file compiles for a processor ends with the file: templates parsed after it would miss that.
      'msvs_settings': { 'VCCLCompilerTool': { 'AdditionalOptions': ['/std:c++17', '-fno-delayed-template-parsing'] } },
      # now: a missing symbol fails the load instead of the first call. nodelete: a worker's end must not unmap code that the exit
      # handler and the arena still need.
      'ldflags': ['-Wl,-z,relro,-z,now,-z,nodelete', '-Wl,--exclude-libs,ALL'],
      'conditions': [
        ['keymill_emulated==0', { 'defines': ['KEYMILL_WITHOUT_EMULATED'] }],
        # MSVC has no 128-bit integers, which the curves are computed with; Visual Studio's clang has.
        ['OS=="win"', { 'msbuild_toolset': 'ClangCL' }],
      ],
      'configurations': {
        # Tables for unwinding the stack are for exceptions, which there are none of, and for debuggers.
        'Release': { 'cflags': ['-O2', '-fno-asynchronous-unwind-tables', '-fno-unwind-tables'] },
        'Debug': {
          # Following variables through the unrolled vector kernels would take the compiler minutes.
          'cflags': ['-O1', '-g', '-fno-var-tracking'],
          'defines': ['_GLIBCXX_ASSERTIONS'],
          'conditions': [
            [
              'keymill_asan==1',
              {
                'cflags': ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined', '-fno-omit-frame-pointer'],
                'ldflags': ['-fsanitize=address,undefined'],
              },
            ],
          ],
        },
      },
    },
  ],
}
