// One group of Viterbi blocks, one block in each lane of a vector; viterbi.cpp includes this once for every
// instruction set, within a namespace and under the compiler's target of its own, so there is no guard.
//
// kBytes: width of a vector and number of lanes. `equal(a, b)`: one bit per lane, from the lowest.

typedef uint8_t Vector __attribute__((vector_size(kBytes)));
typedef uint8_t Sixteen __attribute__((vector_size(16)));

// Sixteen rows of sixteen bytes: columns become rows.
inline void transpose(Sixteen (&x)[16]) {
    constexpr Sixteen low = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23};
    constexpr Sixteen high = {8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    for (int stage = 0; stage < 4; ++stage) {
        Sixteen y[16];
        for (int i = 0; i < 8; ++i) {
            y[2 * i] = __builtin_shuffle(x[i], x[i + 8], low);
            y[2 * i + 1] = __builtin_shuffle(x[i], x[i + 8], high);
        }
        for (int i = 0; i < 16; ++i) x[i] = y[i];
    }
}

typedef int8_t Signed __attribute__((vector_size(kBytes)));
typedef uint16_t Pairs __attribute__((vector_size(kBytes)));

// Soft bits of kChunk steps of every lane, quantised, as the cost of a 0 and of a 1 sent.
struct Costs {
    Vector of_zero[2 * kChunk], of_one[2 * kChunk];
};

// What a group of lanes reads: its rows, their factors, and the erasures put before them.
struct Rows {
    const int8_t* soft[kBytes];
    Pairs even_factor, odd_factor;  // of the lanes with these numbers
    size_t padding;  // steps before the first of the row, which make the number of steps whole chunks
};

// Sizes times factors, rounded, with two lanes side by side in 16 bits.
inline Vector scaled(const Vector& sizes, const Rows& rows) {
    const auto pairs = Pairs(sizes);
    const Pairs even = ((pairs & 0xFF) * rows.even_factor + kFactorOne / 2) / kFactorOne;
    const Pairs odd = ((pairs >> 8) * rows.odd_factor + kFactorOne / 2) & uint16_t(0xFF00);
    return Vector(even | odd);
}

inline void read_chunk(const Rows& rows, size_t chunk, Costs& costs) {
    static_assert(kFactorOne == 256);
    Signed columns[2 * kChunk];
    for (int part = 0; part < kBytes; part += 16) {
        Sixteen block[16];
        for (int i = 0; i < 16; ++i) {
            if (chunk == 0) {
                block[i] = Sixteen{};
                std::memcpy(reinterpret_cast<uint8_t*>(&block[i]) + 2 * rows.padding, rows.soft[part + i],
                            16 - 2 * rows.padding);
            } else {
                std::memcpy(&block[i], rows.soft[part + i] + 16 * chunk - 2 * rows.padding, 16);
            }
        }
        transpose(block);
        for (int i = 0; i < 16; ++i)
            std::memcpy(reinterpret_cast<uint8_t*>(&columns[i]) + part, &block[i], 16);
    }
    const Vector most = Vector{} + kLevels;
    for (int k = 0; k < 2 * kChunk; ++k) {
        const Signed x = columns[k];
        const auto negative = Vector(x < 0);
        const Vector level = scaled((Vector(x) ^ negative) - negative, rows);
        const Vector cost = level < most ? level : most;
        costs.of_one[k] = cost & negative;
        costs.of_zero[k] = cost ^ costs.of_one[k];
    }
}

inline void butterfly(const Vector& even, const Vector& odd, const Vector& cost, const Vector& other_cost,
                      Vector& low, Vector& high, Mask& low_even, Mask& high_even) {
    const Vector a = even + cost, b = odd + other_cost, c = even + other_cost, d = odd + cost;
    low = a < b ? a : b;
    high = c < d ? c : d;
    low_even = equal(a, low);
    high_even = equal(c, high);
}

// Two steps, so that the metrics between them stay in registers: of states 4 j … 4 j + 3 come 2 j, 2 j + 1,
// 2 j + 32 and 2 j + 33, and of these j, j + 16, j + 32 and j + 48.
inline void two_steps(const Vector* from, Vector* to, const Vector (&first)[4], const Vector (&second)[4],
                      Mask* even) {
#pragma GCC unroll 16
    for (int j = 0; j < 16; ++j) {
        Vector x[4];
        const int p = kBranch[2 * j], q = kBranch[2 * j + 1], u = kBranch[j], v = kBranch[j + 16];
        Mask* then = even + kStates;
        butterfly(from[4 * j], from[4 * j + 1], first[p], first[3 - p], x[0], x[2], even[2 * j],
                  even[2 * j + 32]);
        butterfly(from[4 * j + 2], from[4 * j + 3], first[q], first[3 - q], x[1], x[3], even[2 * j + 1],
                  even[2 * j + 33]);
        butterfly(x[0], x[1], second[u], second[3 - u], to[j], to[j + 32], then[j], then[j + 32]);
        butterfly(x[2], x[3], second[v], second[3 - v], to[j + 16], to[j + 48], then[j + 16], then[j + 48]);
    }
}

inline Vector smallest(const Vector* metrics) {
    Vector best[4] = {metrics[0], metrics[1], metrics[2], metrics[3]};
    for (int s = 4; s < kStates; s += 4)
        for (int i = 0; i < 4; ++i) best[i] = metrics[s + i] < best[i] ? metrics[s + i] : best[i];
    for (int i = 1; i < 4; ++i) best[0] = best[i] < best[0] ? best[i] : best[0];
    return best[0];
}

// Fills `even` [chunks * kChunk][kStates] and the metrics of the end.
inline void forward(const Rows& rows, size_t chunks, Mask* even, Vector* metrics) {
    Costs costs;
    alignas(kBytes) Vector between[kStates];
    for (int s = 0; s < kStates; ++s) metrics[s] = Vector{};
    for (size_t chunk = 0; chunk < chunks; ++chunk) {
        read_chunk(rows, chunk, costs);
        // Taken off with the first step's costs; what is negative by itself is not in the sum.
        const Vector surplus = smallest(metrics);
        for (int t = 0; t < kChunk; t += 2) {
            Vector cost[2][4];
            for (int k = 0; k < 2; ++k)
                for (int pair = 0; pair < 4; ++pair)
                    cost[k][pair] = (pair & 2 ? costs.of_one : costs.of_zero)[2 * (t + k)] +
                                    (pair & 1 ? costs.of_one : costs.of_zero)[2 * (t + k) + 1];
            if (t == 0)
                for (Vector& first : cost[0]) first -= surplus;
            const bool back = t & 2;
            two_steps(back ? between : metrics, back ? metrics : between, cost[0], cost[1], even);
            even += 2 * kStates;
        }
    }
}

// Bits of the lanes' states, lowest first: the lowest of the states with the smallest metric.
inline void best_states(const Vector* metrics, Mask (&state)[6]) {
    const Vector best = smallest(metrics);
    for (Mask& bit : state) bit = 0;
    for (int s = kStates; s-- > 0;) {
        const Mask here = equal(metrics[s], best);
        for (int k = 0; k < 6; ++k) state[k] = Mask((state[k] & ~here) | (s >> k & 1 ? here : 0));
    }
}

// Eight masks, so that the 64 of a step are eight of these.
typedef Mask Eight __attribute__((vector_size(kBytes)));

// The decision of every lane's state: the survivors of its 64 states are halved by one bit of it after the
// other, the one that is known last at the end.
inline Mask decision(const Eight* even, const Mask (&state)[6]) {
    Eight x[4];
    for (int i = 0; i < 4; ++i) x[i] = even[i] ^ ((even[i] ^ even[i + 4]) & state[5]);
    for (int i = 0; i < 2; ++i) x[i] ^= (x[i] ^ x[i + 2]) & state[4];
    x[0] ^= (x[0] ^ x[1]) & state[3];
    Mask y[8];
    std::memcpy(y, x, sizeof y);
    for (int i = 0; i < 4; ++i) y[i] = Mask(y[i] ^ ((y[i] ^ y[i + 4]) & state[2]));
    for (int i = 0; i < 2; ++i) y[i] = Mask(y[i] ^ ((y[i] ^ y[i + 2]) & state[1]));
    return Mask(~(y[0] ^ ((y[0] ^ y[1]) & state[0])));
}

// kept[0 … 7]: the bits before `begin`, of which six are known and two zero; then those of begin … end - 1.
inline void trace(const Mask* even, size_t steps, size_t begin, size_t end, Mask (&state)[6], Mask* kept) {
    for (size_t t = steps; t-- > begin;) {
        if (t < end) kept[8 + t - begin] = state[5];
        const Mask odd = decision(reinterpret_cast<const Eight*>(even + t * kStates), state);
        for (int k = 5; k > 0; --k) state[k] = state[k - 1];
        state[0] = odd;
    }
    kept[0] = kept[1] = 0;
    for (int k = 0; k < 6; ++k) kept[2 + k] = state[k];
}

// Bits of eight lanes from `kept`, one byte each: rows[lane][k] for k < 8 * groups.
inline void unpack_lanes(const Mask* kept, size_t first_lane, size_t groups, uint8_t* rows, size_t stride) {
    const uint8_t* octets = reinterpret_cast<const uint8_t*>(kept) + first_lane / 8;
    for (size_t g = 0; g < groups; ++g) {
        uint64_t eight_steps = 0;
        for (size_t k = 0; k < 8; ++k) eight_steps |= uint64_t(octets[(8 * g + k) * sizeof(Mask)]) << (8 * k);
        for (size_t lane = 0; lane < 8; ++lane) {
            const uint64_t bits = eight_steps >> lane & 0x0101010101010101u;
            std::memcpy(rows + lane * stride + 8 * g, &bits, 8);
        }
    }
}

// Sum of soft bits, each with the sign of its re-encoded symbol; six bits stand before bits[0].
inline int32_t correlation(const uint8_t* bits, const int8_t* soft, size_t count) {
    int32_t total = 0;
    for (size_t start = 0; start < count; start += 64) {
        const size_t size = count - start < 64 ? count - start : 64;
        const uint8_t* b = bits + start;
        const int8_t* s = soft + 2 * start;
        int16_t sum = 0;  // 64 * 2 * 128 at most
        for (size_t k = 0; k < size; ++k) {
            const uint8_t both = b[k] ^ b[k - 2] ^ b[k - 3] ^ b[k - 6];
            const auto first = int16_t(uint8_t(both ^ b[k - 1])), second = int16_t(uint8_t(both ^ b[k - 5]));
            sum = int16_t(sum + s[2 * k] * (2 * first - 1) + s[2 * k + 1] * (2 * second - 1));
        }
        total += sum;
    }
    return total;
}

inline int32_t weight_of(const int8_t* soft, size_t count) {
    int32_t total = 0;
    for (size_t start = 0; start < count; start += 256) {
        uint16_t sum = 0;  // 256 * 128 at most
        for (size_t k = start; k < std::min(count, start + 256); ++k)
            sum = uint16_t(sum + uint8_t(soft[k] < 0 ? -soft[k] : soft[k]));
        total += sum;
    }
    return total;
}

inline void run_group(const ViterbiBlocks& job, size_t first, Scratch& scratch) {
    const size_t steps = job.head + job.length + job.tail, chunks = (steps + kChunk - 1) / kChunk;
    const size_t count = std::min(size_t(kBytes), job.rows - first);
    Rows rows;
    rows.padding = chunks * kChunk - steps;
    uint16_t last_factor = 0, factors[2][kBytes / 2];
    for (size_t lane = 0; lane < kBytes; ++lane) {
        // Lanes without a row of their own repeat the last one; their result is not read.
        const size_t own = std::min(lane, count - 1);
        rows.soft[lane] = job.soft + (first + own) * row_step(job);
        if (own == lane) last_factor = factor(rows.soft[lane], 2 * steps);
        factors[lane % 2][lane / 2] = last_factor;
    }
    std::memcpy(&rows.even_factor, factors[0], kBytes);
    std::memcpy(&rows.odd_factor, factors[1], kBytes);
    alignas(kBytes) Vector metrics[kStates];
    auto* even = reinterpret_cast<Mask*>(scratch.decisions(chunks * kChunk * kStates * sizeof(Mask)));
    forward(rows, chunks, even, metrics);
    Mask state[6];
    best_states(metrics, state);
    const size_t groups = 1 + (job.length + 7) / 8, stride = 8 * groups;
    auto* kept = reinterpret_cast<Mask*>(scratch.kept(stride * sizeof(Mask)));
    const size_t begin = rows.padding + job.head;
    trace(even, chunks * kChunk, begin, begin + job.length, state, kept);
    uint8_t* bytes = scratch.bytes(8 * stride);
    for (size_t lane = 0; lane < count; ++lane) {
        if (lane % 8 == 0) unpack_lanes(kept, lane, groups, bytes, stride);
        const uint8_t* bits = bytes + lane % 8 * stride + 8;
        std::memcpy(job.bits + (first + lane) * job.length, bits, job.length);
        const int8_t* soft = rows.soft[lane] + 2 * job.head;
        job.score[first + lane] = correlation(bits, soft, job.length);
        if (job.weight) job.weight[first + lane] = weight_of(soft, 2 * job.length);
    }
}

inline void run(const ViterbiBlocks& job) {
    static thread_local Scratch scratch;
    for (size_t first = 0; first < job.rows; first += kBytes) run_group(job, first, scratch);
    scratch.forget_much();
}
