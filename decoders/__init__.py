"""Downlink definitions, demodulation, error correction, framing and instruments."""
