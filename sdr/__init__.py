"""Receivers, sample formats and SigMF recordings; imports nothing of ours."""
