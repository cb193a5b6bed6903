"""Arpit et al. (2017), "A Closer Look at Memorization in Deep Networks"."""
