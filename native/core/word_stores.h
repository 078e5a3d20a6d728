// Keeps the compiler from joining words that are computed one by one into vectors: what is loaded in other pieces than
// it was stored in waits for the stores to finish, which in field_words.h costs more than the arithmetic.
#pragma once
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-slp-vectorize")
#endif
