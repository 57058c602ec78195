// Feeds random and mutated packets to the MSU-MR codec, built with sanitizers by test_msu_mr_sanitized.py.
// Arguments: file of packets (two bytes of length, little-endian, then the bytes), number of packets, seed.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <vector>

#include "decoders/instruments/msu_mr_codec.h"

namespace {

using Bytes = std::vector<std::uint8_t>;

std::vector<Bytes> read_packets(const char* path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<Bytes> packets;
    for (int low = file.get(), high = file.get(); file; low = file.get(), high = file.get()) {
        Bytes packet(static_cast<std::size_t>(low | high << 8));
        file.read(reinterpret_cast<char*>(packet.data()), static_cast<std::streamsize>(packet.size()));
        packets.push_back(packet);
    }
    return packets;
}

Bytes next_packet(std::mt19937& random, const std::vector<Bytes>& packets) {
    if (random() % 3 == 0) {
        Bytes noise(random() % 400);
        for (auto& octet : noise) octet = static_cast<std::uint8_t>(random());
        return noise;
    }
    Bytes packet = packets[random() % packets.size()];
    for (auto flips = random() % 8; flips > 0 && !packet.empty(); --flips)
        packet[random() % packet.size()] ^= static_cast<std::uint8_t>(1U << random() % 8);
    if (random() % 2 == 0 && !packet.empty()) packet.resize(random() % packet.size());
    return packet;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const auto packets = read_packets(argv[1]);
    if (packets.empty()) return 2;
    std::mt19937 random(static_cast<unsigned>(std::atol(argv[3])));
    long whole = 0;
    for (long left = std::atol(argv[2]); left > 0; --left) {
        const Bytes packet = next_packet(random, packets);
        // Memory of exactly the size, so that a byte too far is seen.
        const std::unique_ptr<std::uint8_t[]> scan(new std::uint8_t[packet.size()]);
        std::copy(packet.begin(), packet.end(), scan.get());
        const int stride = 112 + static_cast<int>(random() % 50);
        const std::unique_ptr<std::uint8_t[]> counts(
            new std::uint8_t[static_cast<std::size_t>(7 * stride + 112)]);
        const int quality =
            random() % 50 == 0 ? static_cast<int>(random()) : static_cast<int>(random() % 104) - 1;
        std::size_t bits = 0;
        const int blocks =
            tramthu::decode_msu_mr_packet(scan.get(), packet.size(), quality, counts.get(), stride, &bits);
        if (blocks < 0 || blocks > 14 || bits > packet.size() * 8) return 1;
        whole += blocks == 14;
    }
    std::printf("%ld\n", whole);
    return 0;
}
