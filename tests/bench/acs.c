/* Times VOLK's add-compare-select of the K=7, rate 1/2 code alone: Mbit per second of processor time.
 * No traceback and no soft bits in floating point: less than any decoder has to do. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <volk/volk.h>

enum { STATES = 64, BITS = 4096, RUNS = 9 };

static int parity(unsigned x) { return __builtin_popcount(x) & 1; }

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int main(void) {
    const size_t alignment = volk_get_alignment();
    unsigned char *x = volk_malloc(STATES, alignment), *y = volk_malloc(STATES, alignment);
    unsigned char *symbols = volk_malloc(2 * BITS, alignment), *table = volk_malloc(STATES, alignment);
    unsigned char* decisions = volk_malloc(BITS * STATES / 8 + 64, alignment);
    if (!x || !y || !symbols || !table || !decisions) return 1;
    memset(x, 63, STATES);
    memset(y, 63, STATES);
    memset(decisions, 0, BITS * STATES / 8);
    for (int i = 0; i < STATES / 2; ++i) {
        table[i] = parity((2 * i) & 0x4F) ? 255 : 0;
        table[i + STATES / 2] = parity((2 * i) & 0x6D) ? 255 : 0;
    }
    srand(1);
    for (int i = 0; i < 2 * BITS; ++i) symbols[i] = (unsigned char)(rand() & 255);
    double best = 0;
    const char* name = "";
    const volk_func_desc_t kernel = volk_8u_x4_conv_k7_r2_8u_get_func_desc();
    for (size_t variant = 0; variant < kernel.n_impls; ++variant) { /* the best of all that run here */
        for (int run = 0; run < RUNS; ++run) {
            long calls = 0;
            double took = 0;
            const double begin = seconds();
            while ((took = seconds() - begin) < 0.15) {
                volk_8u_x4_conv_k7_r2_8u_manual(y, x, symbols, decisions, BITS, 0, table,
                                                kernel.impl_names[variant]);
                ++calls;
            }
            const double speed = 1e-6 * (double)calls * BITS / took;
            if (speed > best) best = speed, name = kernel.impl_names[variant];
        }
    }
    printf("%.3f %s %d\n", best, name, decisions[BITS / 8]);
    return 0;
}
