// Which variant of the demodulator's kernels runs: generic (x86-64-v2 and other processors), v3 (AVX2) or v4
// (AVX-512). All give the same bits: lanes never share a sum, and nothing is contracted.
#pragma once
#include <stdexcept>
#include <string>

#define TRAMTHU_INLINE static inline __attribute__((always_inline))

// For a kernel `stage_body`, a template whose argument is the widest vector of floats of a level, inlined
// into a variant per level: `stage_at(level)` is one of them.
#if defined(__x86_64__)
#define TRAMTHU_VARIANTS(stage, parameters, arguments)                                              \
    void stage##_generic parameters { stage##_body<VectorOf<float, 4>> arguments; }                 \
    __attribute__((target("arch=x86-64-v3"))) void stage##_v3 parameters {                          \
        stage##_body<VectorOf<float, 8>> arguments;                                                 \
    }                                                                                               \
    __attribute__((target("arch=x86-64-v4"))) void stage##_v4 parameters {                          \
        stage##_body<VectorOf<float, 16>> arguments;                                                \
    }                                                                                               \
    auto stage##_at(Level level) {                                                                  \
        return level == Level::v4 ? stage##_v4 : level == Level::v3 ? stage##_v3 : stage##_generic; \
    }
#else
#define TRAMTHU_VARIANTS(stage, parameters, arguments)                              \
    void stage##_generic parameters { stage##_body<VectorOf<float, 4>> arguments; } \
    auto stage##_at(Level) { return stage##_generic; }
#endif

namespace tramthu {

template <typename T, int count>
struct VectorType {
    typedef T type __attribute__((vector_size(count * sizeof(T))));
};
template <typename T, int count>
using VectorOf = typename VectorType<T, count>::type;

enum class Level { generic, v3, v4 };

inline Level best_level() {
#if defined(__x86_64__)
    static const Level found = [] {
        // A whole level or none: the compiler may use each of its instructions, and hypervisors mask some.
        if (__builtin_cpu_supports("x86-64-v4")) return Level::v4;
        return __builtin_cpu_supports("x86-64-v3") ? Level::v3 : Level::generic;
    }();
    return found;
#else
    return Level::generic;
#endif
}

// The level of that name; the best of this machine for an empty one.
inline Level level_named(const std::string& name) {
    if (name.empty()) return best_level();
    const Level wanted = name == "v4" ? Level::v4 : name == "v3" ? Level::v3 : Level::generic;
    if (wanted == Level::generic && name != "generic")
        throw std::invalid_argument("instruction_set must be generic, v3 or v4, not " + name);
    if (wanted > best_level()) throw std::invalid_argument("this processor does not run " + name);
    return wanted;
}

}  // namespace tramthu
