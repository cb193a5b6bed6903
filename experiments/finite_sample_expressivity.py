"""Theorem 1 built: two layers with 2n + d weights fit any labels of a whole training set, and say nothing of a test.

Claim:     Zhang et al. (2017), section 4 and appendix C: there is a network of two ReLU layers with 2n + d weights that
           can represent any function on n examples of d values; Lemma 1: its weights solve a triangular system of
           full rank; Corollary 1: the same at depth k and width O(n / k)
Run:       python experiments/finite_sample_expressivity.py [--preset small] [--dataset mnist --labels random]
Expected:  every label of MNIST by 120,784 weights in float64, true or random; test accuracy near chance for both
Measured:  results/published/*.html, with hardware and commit, where it has been
Result:    tables and figures under results/finite_sample_expressivity/, and the networks as .pt and .h5 under
           saved_models/, which the evaluator opens; a .h5 has one weight more, a 1: Keras has no layer of biases
Time:      a minute for each data set; MNIST in 10 seconds
"""

from common.papers.zhang.expressivity import STUDY

if __name__ == "__main__":
    STUDY.main(__doc__)
