"""Antenna rotators; imports nothing of ours."""
