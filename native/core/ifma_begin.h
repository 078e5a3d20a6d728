// target_begin.h for what lanes_ifma.h takes. No include guard, like there.
#define KEYMILL_TARGET "avx512f,avx512dq,avx512bw,avx512vl,avx512ifma,bmi2"
#include "target_begin.h"
