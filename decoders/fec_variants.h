// Variants of a kernel for the instruction sets: `stage_body`, always inlined, is compiled for each, and
// `stage_best()` is the one for this processor. Integers only, so that all give the same bits.
#pragma once

#include "decoders/dispatch.h"

#if defined(__x86_64__)
#define TRAMTHU_VARIANTS_OF(stage, parameters, arguments)                                            \
    void stage##_generic parameters { stage##_body arguments; }                                      \
    __attribute__((target("arch=x86-64-v3"))) void stage##_v3 parameters { stage##_body arguments; } \
    __attribute__((target("arch=x86-64-v4"))) void stage##_v4 parameters { stage##_body arguments; } \
    auto stage##_best() {                                                                            \
        const Level best = best_level();                                                             \
        return best == Level::v4 ? stage##_v4 : best == Level::v3 ? stage##_v3 : stage##_generic;    \
    }
#else
#define TRAMTHU_VARIANTS_OF(stage, parameters, arguments)       \
    void stage##_generic parameters { stage##_body arguments; } \
    auto stage##_best() { return stage##_generic; }
#endif
