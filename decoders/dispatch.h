// Which variant of the demodulator's kernels this processor runs: 2 (base), 3 (AVX2) or 4 (AVX-512).
#pragma once

namespace tramthu {

#if defined(__x86_64__)
inline int level() {
    static const int found = [] {
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
            return 4;
        return __builtin_cpu_supports("avx2") ? 3 : 2;
    }();
    return found;
}
#endif

}  // namespace tramthu
