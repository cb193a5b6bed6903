"""Zhang et al. (2017), "Understanding Deep Learning Requires Rethinking Generalization"."""
