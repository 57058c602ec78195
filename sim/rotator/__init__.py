"""Simulated antenna rotators: mechanics with faults, controllers behind a pty, and a rotctld of our own."""
