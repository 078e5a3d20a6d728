// Ends what target_begin.h began; the source file ends with it, as GCC compiles all that comes later for that processor
// too. No include guard, like there.
#if defined(__clang__)
#pragma clang attribute pop
#endif
