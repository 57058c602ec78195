// Variants of a kernel for the instruction sets: `stage_body`, always inlined, is compiled for each, and
// `stage_at(level)` is one of them. Integers only, so that all give the same bits.
#pragma once

#include "decoders/dispatch.h"

#if defined(__x86_64__)
#define TRAMTHU_VARIANTS_OF(stage, parameters, arguments)                                            \
    void stage##_generic parameters { stage##_body arguments; }                                      \
    __attribute__((target("arch=x86-64-v3"))) void stage##_v3 parameters { stage##_body arguments; } \
    __attribute__((target("arch=x86-64-v4"))) void stage##_v4 parameters { stage##_body arguments; } \
    auto stage##_at(Level level) {                                                                   \
        return level == Level::v4 ? stage##_v4 : level == Level::v3 ? stage##_v3 : stage##_generic;  \
    }
#else
#define TRAMTHU_VARIANTS_OF(stage, parameters, arguments)       \
    void stage##_generic parameters { stage##_body arguments; } \
    auto stage##_at(Level) { return stage##_generic; }
#endif
