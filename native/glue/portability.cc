// Keeps the addon loadable wherever Node itself is (glibc 2.28 or musl, libstdc++ of GCC 8): compilers refer to symbols
// that older systems, or musl, lack. Defined here, they are found at link time and the references do not leave the
// addon. Includes nothing, so that no header has declared them with another visibility.
#ifdef __linux__

namespace std {

/** GLIBCXX_3.4.29: what `new T[n]` calls for a negative or overflowing n. */
[[noreturn]] __attribute__((visibility("hidden"))) void __throw_bad_array_new_length();
void __throw_bad_array_new_length() { __builtin_trap(); }

}  // namespace std

/** GLIBC_2.32: whether shared_ptr may count without atomics. Here it never may. */
extern "C" __attribute__((visibility("hidden"))) char __libc_single_threaded;
char __libc_single_threaded = 0;

#ifdef __aarch64__
/** How GCC's atomics ask whether the processor has instructions for them. musl has the public name alone. */
extern "C" unsigned long getauxval(unsigned long type);
extern "C" __attribute__((visibility("hidden"))) unsigned long __getauxval(unsigned long type);
unsigned long __getauxval(unsigned long type) { return getauxval(type); }
#endif

#endif
