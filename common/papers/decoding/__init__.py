"""Ketha and Ramaswamy (2025, 2026), "Decoding Generalization from Memorization" and its sequel."""
