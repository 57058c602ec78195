"""Satellites, orbital elements, passes and tracks; imports nothing of ours."""
